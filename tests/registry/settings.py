"""How a registry behaves by nature. Each is an argument of Registry() and an attribute that may be
changed at any time; what should happen once or at times is a rule (faults.py) instead."""


class Settings:
    # Connections and time
    tls = None                    # a tls.Pair (cert, key) for HTTPS
    client_ca = None              # CA file: clients must show a certificate of it
    latency = 0.0                 # seconds before every answer
    max_connections = None        # more at once are refused ...
    over_limit = '503'            # ... by '503' or by 'reset'
    idle_timeout = None           # seconds after which a silent connection is closed
    close_after = None            # requests a connection may carry
    rate_limit = None             # requests a second, or {kind glob: requests a second} -> 429
    retry_after = '1'             # the Retry-After of those; None for none
    pull_limit = None             # manifest GETs until 429, announced as Docker Hub does ...
    pull_window = 21600           # ... by this many seconds
    body_max = None               # request bodies above are answered 413, without being read
    refuse_authorization = False  # 400 to any Authorization (a blob store behind signed URLs)

    # Pull
    no_head = False               # HEAD of manifests and blobs: 405
    no_digest_header = False      # never Docker-Content-Digest
    no_ranges = False             # a Range is answered by 200 and everything
    open_ranges = True            # False: 'bytes=N-' is answered by 416
    accept_ranges = True          # announces Accept-Ranges
    check_accept = True           # a manifest whose type the Accept field lacks is a 404
    cdn = None                    # a Registry to which blob GETs are redirected ...
    cdn_status = 307              # ... by this status ...
    cdn_lifetime = None           # ... with URLs that answer 403 after so many seconds ...
    cdn_manifests = False         # ... manifests too
    tags_page = None              # at most so many tags (or referrers) a page
    tags_link = 'relative'        # form of the Link field: 'relative', 'absolute', 'query'
    tags_null = False             # an empty list is null
    referrers_api = True          # False: 404

    # Blob upload
    no_patch = False              # PATCH is answered 405, or by the number given here
    monolithic_only = False       # at most one PATCH a session, and none with Content-Range: 400
    single_post = True            # False: a POST with ?digest= only opens a session
    relative_location = False     # True: from the root; 'sibling': from the directory
    location_query = False        # a state that must come back; 'strict': only the newest will do
    stale = 'kill'                # a stale state: 400, session lost; 'keep': 416, session kept
    location_host = None          # a Registry(share=...) or 'http://host:port' for Locations
    chunk_min = None              # OCI-Chunk-Min-Length; a PATCH after a smaller one: 400
    chunk_max = None              # a PATCH above is refused ...
    chunk_max_status = 413        # ... so
    chunk_max_ranged = False      # ... only if it has a Content-Range
    ignore_content_range = False  # appends whatever the Content-Range says
    require_content_range = False  # a PATCH without: 400
    require_content_length = False  # a chunked body: 411
    range_report = 'cumulative'   # also 'last', 'zero', 'stuck', '0--1', 'bytes=', None
    patch_status = 202
    put_status = 201
    upload_status = True          # False: GET of a session is a 404; a number: that
    keep_partial = True           # the bytes of a PATCH that broke stay in the session
    bad_digest = 'kill'           # a commit with a wrong digest loses the session; or 'keep'
    mount = 'yes'                 # also 'decline' (202), '404', '400'
    mount_anywhere = False        # a mount without from= searches all repositories
    refuse_empty_blobs = False
    keep_limit = 64 << 20         # blobs above are kept as digest and size only

    # Manifests
    max_manifest = 4 << 20        # 413 above
    check_manifest_refs = True    # blobs and children must be there: 400 MANIFEST_BLOB_UNKNOWN
    refuse_media_types = ()       # globs: of the manifest, its config, layers or children
    require_media_type = False    # a manifest without a mediaType field: 400
    immutable_tags = False        # a tag can't be moved; 'always': nor be put again
    immutable_status = 400        # 400 TAG_INVALID, 403 or 412
    no_delete = False             # DELETE of manifests and blobs: 405

    # Authentication
    auth = None                   # 'basic' or 'bearer'
    users = {}                    # name -> password
    rights = {}                   # name -> {repository glob: 'pull,push,delete'}; default: all
    anonymous = 'pull'            # what needs no name; None: nothing (with bearer: no token)
    identity_tokens = {}          # refresh token -> user name
    token_server = None           # another Registry that answers /token; default: this one
    token_field = 'token'         # also 'access_token', 'both'
    expires_in = 300              # as announced; None: not announced
    token_lifetime = None         # real lifetime in seconds; default: as announced, or 60
    token_size = 40               # characters of a token
    token_post = 200              # other: POST to the token server is answered by that
    first_scope_only = False      # the token server reads only the first scope
    service = 'registry.test'
    challenge_scope = None        # replaces the right scope; '' leaves it out
    challenge = None              # replaces the challenge: a template or a list of such with
    #                               {realm} {service} {scope} {error}
    no_www_authenticate = False   # 401s but that of /v2/ come without a challenge; 'always': all
    deny_status = 401             # to a valid token that does not cover the action; or 403

    def configure(self, **settings):
        for name, value in settings.items():
            if name.startswith('_') or not hasattr(Settings, name) or name == 'configure':
                raise TypeError(f'no such setting: {name}')
            setattr(self, name, value)
