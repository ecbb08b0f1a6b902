# dray alone: no shell, no libraries. Its context is made by cmd/release:
#   cmd/release && docker build -t dray -f Dockerfile build/dist/image
FROM scratch
ARG TARGETARCH
COPY --chmod=755 $TARGETARCH/dray /usr/bin/dray
COPY --chmod=644 ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# For docker's config.json, and the state of half-done transfers; whoever --user says may write.
COPY --chmod=777 home /home/dray
USER 65532:65532
ENV HOME=/home/dray
WORKDIR /home/dray
ENTRYPOINT ["/usr/bin/dray"]
CMD ["help"]
