"""A stand-in for GitHub's runner: reads workflow files and actions, and runs their steps as it does, with
its environment, its shells and its files. Of the actions that are GitHub's own it does what they do;
of expressions it knows references and what is in FUNCTIONS."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys

try:
    import yaml
except ImportError:     # a Python that is not the system's
    sys.path.append('/usr/lib/python3/dist-packages')
    import yaml

from tests.system.lib import TOP

FUNCTIONS = {'!cancelled()': True}


def load(path):
    with open(path, encoding='utf-8') as file:
        text = yaml.safe_load(file)
    # YAML 1.1 takes the key `on` for a truth.
    return {('on' if key is True else key): value for key, value in text.items()}


def evaluate(text, contexts):
    """Text with its ${{ … }} replaced."""
    def value(match):
        expression = match[1].strip()
        if expression in FUNCTIONS:
            return 'true'
        assert re.fullmatch(r'[\w.-]+', expression), f'the runner here does not know {expression!r}'
        found = contexts
        for part in expression.split('.'):
            found = found.get(part, '') if isinstance(found, dict) else ''
        return str(found)
    return re.sub(r'\$\{\{(.*?)\}\}', value, str(text), flags=re.S)


def read_assignments(text):
    """GITHUB_OUTPUT: NAME=VALUE, or NAME<<END … END."""
    values, lines = {}, iter(text.splitlines())
    for line in lines:
        name, sign, value = re.fullmatch(r'(.*?)(=|<<)(.*)', line).groups()
        values[name] = value if sign == '=' else '\n'.join(iter(lambda: next(lines), value))
    return values


class Step:
    def __init__(self, name, code, out, err):
        self.name, self.code, self.out, self.err = name, code, out, err

    def __str__(self):
        return f'--- {self.name}: {self.code}\n{self.out}\n{self.err}'


class Runner:
    """env is the machine's; origin the repository that is checked out; actions maps what stands behind
    `uses:` to folders; github is the context of that name."""

    def __init__(self, folder, env, github, origin=None, actions=()):
        self.folder, self.env, self.origin = folder, env, origin
        self.actions = dict(actions)
        self.github = {'token': 'the-job-s-token', 'run_id': 7, 'run_attempt': 1, **github}
        self.cache = {}                   # key -> folder
        self.artifacts = {}               # name -> folder
        self.number = 0
        self.steps, self.outputs = [], {}  # of the last job
        self.path, self.summary = [], ''

    def new_folder(self, name):
        self.number += 1
        path = os.path.join(self.folder, f'{name}{self.number}')
        os.makedirs(path)
        return path

    # Jobs

    def job(self, workflow, name, inputs=None, matrix=None, total=1, needs=None):
        """Runs one; returns 'success' or 'failure'."""
        job = workflow['jobs'][name]
        self.workspace = self.new_folder('work')
        self.temp = self.new_folder('temp')
        self.steps, self.outputs, self.path, self.summary = [], {}, [], ''
        given = (workflow['on'].get('workflow_dispatch') or {}).get('inputs') or {}
        contexts = {
            'github': self.github, 'inputs': {key: value.get('default', '') for key, value in given.items()},
            'matrix': matrix or {}, 'strategy': {'job-total': total}, 'runner': {'temp': self.temp},
            'needs': {key: {'result': value} for key, value in (needs or {}).items()}}
        contexts['inputs'].update(inputs or {})
        unknown = set(inputs or {}) - set(given)
        assert not unknown, f'no such inputs: {unknown}'
        good = self.run_steps(job['steps'], contexts, self.outputs)
        return 'success' if good else 'failure'

    def run_steps(self, steps, contexts, outputs, env=None, path=None):
        good = True
        for number, step in enumerate(steps):
            if not good and '!cancelled()' not in str(step.get('if')):
                continue
            contexts['steps'] = {key: {'outputs': value} for key, value in outputs.items()}
            own = {key: evaluate(value, contexts) for key, value in step.get('env', {}).items()}
            name = step.get('name') or step.get('uses') or step['run'].partition('\n')[0]
            if 'uses' in step:
                given = {key: evaluate(value, contexts) for key, value in step.get('with', {}).items()}
                ok, made = self.use(step['uses'], given)
            else:
                ok, made = self.run(name, step, {**(env or {}), **own}, path)
            outputs[step.get('id', number)] = made
            good = good and ok
        return good

    def machine(self, path=None):
        """The environment of a step, without its files."""
        github = {f'GITHUB_{key.upper()}': value for key, value in self.github.items() if key != 'token'}
        env = {**self.env, **github, 'CI': 'true', 'GITHUB_ACTIONS': 'true',
               'GITHUB_WORKSPACE': self.workspace, 'RUNNER_TEMP': self.temp, 'RUNNER_OS': 'Linux'}
        env['PATH'] = ':'.join([*reversed(self.path), env['PATH']])
        if path:
            env['GITHUB_ACTION_PATH'] = path
        return {key: str(value) for key, value in env.items()}

    def run(self, name, step, own, path):
        place = self.new_folder('step')
        files = {key: os.path.join(place, key) for key in ('OUTPUT', 'STEP_SUMMARY', 'PATH', 'ENV')}
        for file in files.values():
            with open(file, 'w', encoding='utf-8'):
                pass
        env = {**self.machine(path), **{f'GITHUB_{key}': file for key, file in files.items()}, **own}
        script = os.path.join(place, 'script.sh')
        with open(script, 'w', encoding='utf-8') as file:
            file.write(step['run'] + '\n')
        shell = (['bash', '--noprofile', '--norc', '-eo', 'pipefail'] if step.get('shell') == 'bash'
                 else ['bash', '-e'])
        assert '${{' not in step['run'], 'an expression in a script is an injection'
        done = subprocess.run([*shell, script], cwd=self.workspace, env=env, timeout=120, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.steps.append(Step(name, done.returncode, done.stdout, done.stderr))

        def read(key):
            with open(files[key], encoding='utf-8') as file:
                return file.read()
        self.path += read('PATH').splitlines()
        self.summary += read('STEP_SUMMARY')
        return done.returncode == 0, read_assignments(read('OUTPUT'))

    # Actions

    def use(self, name, given):
        known = {'actions/checkout@v4': self.check_out, 'actions/cache/restore@v4': self.restore,
                 'actions/cache/save@v4': self.save, 'actions/upload-artifact@v4': self.upload,
                 'actions/download-artifact@v4': self.download}
        if name in known:
            return known[name](**{key.replace('-', '_'): value for key, value in given.items()}), {}
        return self.composite(self.actions[name], given)

    def composite(self, path, given):
        action = load(os.path.join(path, 'action.yml'))
        assert action['runs']['using'] == 'composite'
        unknown = set(given) - set(action['inputs'])
        assert not unknown, f'no such inputs: {unknown}'
        contexts = {'github': self.github}
        contexts['inputs'] = {key: given.get(key, evaluate(value.get('default', ''), contexts))
                              for key, value in action['inputs'].items()}
        outputs = {}
        good = self.run_steps(action['runs']['steps'], contexts, outputs, path=path)
        contexts['steps'] = {key: {'outputs': value} for key, value in outputs.items()}
        return good, {key: evaluate(value['value'], contexts)
                      for key, value in action['outputs'].items()}

    def check_out(self):
        subprocess.run(['git', 'clone', '--quiet', self.origin, self.workspace], check=True,
                       env={**self.env, 'GIT_TERMINAL_PROMPT': '0'}, capture_output=True)
        return True

    def restore(self, path, key, restore_keys=''):
        for wanted in [key, *restore_keys.split()]:
            for name in reversed(self.cache):
                if name == key or (wanted != key and name.startswith(wanted)):
                    shutil.copy(self.cache[name], os.path.join(self.workspace, path))
                    return True
        return True

    def save(self, path, key):
        file = os.path.join(self.workspace, path)
        if os.path.exists(file):
            self.cache[key] = shutil.copy(file, os.path.join(self.new_folder('cache'), 'file'))
        return True

    def upload(self, name, path):
        self.artifacts[name] = self.new_folder('artifact')
        for file in path.split():
            if os.path.exists(os.path.join(self.workspace, file)):
                shutil.copy(os.path.join(self.workspace, file), self.artifacts[name])
        return True

    def download(self, pattern, path):
        for name, folder in self.artifacts.items():
            if fnmatch.fnmatch(name, pattern):
                shutil.copytree(folder, os.path.join(self.workspace, path, name))
        return True


def action_at(folder, repository, ref):
    """This checkout, where the runner would have put it."""
    path = os.path.join(folder, '_actions', repository, ref)
    os.makedirs(os.path.dirname(path))
    os.symlink(TOP, path)
    return path
