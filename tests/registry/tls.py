"""Certificates for tests, made by the openssl command in a temporary folder."""

import functools
import ssl
import subprocess
import tempfile
import typing


class Pair(typing.NamedTuple):
    """A certificate and its key, as file names. cert holds the certificate alone."""
    cert: str
    key: str

    def server_context(self, client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        context.set_alpn_protocols(['http/1.1'])
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Authority:
    """A CA that lives as long as the object. ca_file is what clients are to trust."""

    def __init__(self, name='dray test CA'):
        self._dir = tempfile.TemporaryDirectory(prefix='dray-ca-')
        self.dir = self._dir.name
        self.ca_file = f'{self.dir}/ca.crt'
        self._key('ca')
        self._openssl('req', '-x509', '-new', '-key', f'{self.dir}/ca.key', '-out', self.ca_file,
                      '-days', '30', '-subj', f'/CN={name}',
                      '-addext', 'basicConstraints=critical,CA:TRUE',
                      '-addext', 'keyUsage=critical,keyCertSign,cRLSign')

    def _openssl(self, *args):
        done = subprocess.run(['openssl', *args], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f'openssl {args[0]}: {done.stderr}')

    def _key(self, name):
        self._openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout',
                      '-out', f'{self.dir}/{name}.key')

    def _issue(self, name, subject, extensions, days=30):
        base = f'{self.dir}/{name}'
        self._key(name)
        self._openssl('req', '-new', '-key', f'{base}.key', '-out', f'{base}.csr',
                      '-subj', f'/CN={subject}')
        with open(f'{base}.ext', 'w', encoding='utf-8') as file:
            file.write('\n'.join(extensions) + '\n')
        self._openssl('x509', '-req', '-in', f'{base}.csr', '-CA', self.ca_file,
                      '-CAkey', f'{self.dir}/ca.key', '-CAcreateserial', '-out', f'{base}.crt',
                      '-days', str(days), '-extfile', f'{base}.ext')
        return Pair(f'{base}.crt', f'{base}.key')

    @functools.cached_property
    def server(self):
        """Good for localhost and 127.0.0.1."""
        return self._issue('server', 'localhost', [
            'subjectAltName=DNS:localhost,IP:127.0.0.1', 'extendedKeyUsage=serverAuth'])

    def server_for(self, *names):
        """Good for these host names, and for 127.0.0.1."""
        return self._issue(names[0], names[0], [
            'subjectAltName=IP:127.0.0.1,' + ','.join(f'DNS:{name}' for name in names),
            'extendedKeyUsage=serverAuth'])

    @functools.cached_property
    def expired(self):
        return self._issue('expired', 'localhost', [
            'subjectAltName=DNS:localhost,IP:127.0.0.1', 'extendedKeyUsage=serverAuth'], days=-1)

    @functools.cached_property
    def not_yet(self):
        """Valid from 2095 on. (Only `openssl ca` takes a date to begin with.)"""
        with open(f'{self.dir}/ca.cnf', 'w', encoding='utf-8') as file:
            file.write(f'[ca]\ndefault_ca=own\n[own]\ndatabase={self.dir}/index\n'
                       f'new_certs_dir={self.dir}\nrand_serial=yes\ndefault_md=sha256\n'
                       'policy=any\n[any]\ncommonName=supplied\n')
        with open(f'{self.dir}/index', 'w', encoding='utf-8'):
            pass
        base = f'{self.dir}/server'
        early = Pair(f'{self.dir}/not_yet.crt', self.server.key)
        self._openssl('ca', '-batch', '-notext', '-config', f'{self.dir}/ca.cnf', '-in', f'{base}.csr',
                      '-cert', self.ca_file, '-keyfile', f'{self.dir}/ca.key', '-extfile',
                      f'{base}.ext', '-startdate', '20950101000000Z', '-enddate',
                      '20960101000000Z', '-out', early.cert)
        return early

    @functools.cached_property
    def wrong_host(self):
        return self._issue('wrong', 'elsewhere.test', [
            'subjectAltName=DNS:elsewhere.test', 'extendedKeyUsage=serverAuth'])

    @functools.cached_property
    def client(self):
        return self._issue('client', 'a client', ['extendedKeyUsage=clientAuth'])

    def client_context(self, certificate=None):
        """For Python's own clients: trusts this CA; certificate is a Pair to show."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if certificate is not None:
            context.load_cert_chain(certificate.cert, certificate.key)
        return context

    def close(self):
        self._dir.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
