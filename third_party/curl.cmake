# How curl is built: a static library for HTTP and HTTPS alone, over BoringSSL, with HTTP/2 by
# nghttp2 and names looked up by c-ares. Whom to trust is decided at run time.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(CMAKE_C_FLAGS "-ffunction-sections -fdata-sections" CACHE STRING "")
set(CMAKE_POSITION_INDEPENDENT_CODE ON CACHE BOOL "")
set(CMAKE_INSTALL_LIBDIR lib CACHE STRING "")
set(CURL_CA_BUNDLE none CACHE STRING "")
set(CURL_CA_PATH none CACHE STRING "")
foreach(on HTTP_ONLY CURL_USE_OPENSSL USE_NGHTTP2 ENABLE_ARES CURL_DISABLE_ALTSVC
           CURL_DISABLE_COOKIES CURL_DISABLE_DOH CURL_DISABLE_HSTS CURL_DISABLE_NETRC
           CURL_DISABLE_NTLM)
  set(${on} ON CACHE BOOL "")
endforeach()
foreach(off BUILD_CURL_EXE BUILD_SHARED_LIBS BUILD_TESTING ENABLE_MANUAL CURL_BROTLI
            CURL_USE_LIBPSL CURL_USE_LIBSSH2 CURL_ZLIB CURL_ZSTD USE_LIBIDN2)
  set(${off} OFF CACHE BOOL "")
endforeach()
