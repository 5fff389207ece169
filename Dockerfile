# The job as an image: one static binary, the certificates it trusts, a place for
# temporary files, and nothing else. The tag of the image is a hash of this file and
# of what it copies, so whatever is not copied can change without a new image.
#
# The same files always give the same image, byte for byte: no path, version control
# state or time gets into it. A tag in the repository cannot be moved, so building a
# version again, after a rollback for example, must not give another image.

# The compiler runs on the machine that builds and cross-compiles, so that building
# for another processor needs no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
ARG TARGETOS=linux
ARG TARGETARCH=amd64
WORKDIR /src
COPY go.mod go.sum ./
COPY preprocess/ preprocess/
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache/go-build \
    CGO_ENABLED=0 GOCACHE=/cache/go-build GOOS=$TARGETOS GOARCH=$TARGETARCH GOFLAGS=-mod=readonly \
    go build -trimpath -buildvcs=false -ldflags "-s -w" -o /out/image/preprocess ./preprocess
RUN mkdir -p /out/image/etc/ssl/certs /out/scratch/tmp \
    && cp /etc/ssl/certs/ca-certificates.crt /out/image/etc/ssl/certs/ \
    && chmod 0700 /out/scratch/tmp \
    && find /out -exec touch --no-dereference --date=@0 {} +

# Python and pandas for scripts, from Debian's archive as it was on one day, so that the
# same files give the same image: docs/decisions/scripts.md. A later day, in both
# places, is how security fixes come in. Unlike the job, this runs on the processor
# that the image is for, which needs emulation if that is another.
FROM debian:trixie-20260713-slim AS debian
ARG DEBIAN_SNAPSHOT=http://snapshot.debian.org/archive/debian/20260713T000000Z
ARG DEBIAN_SECURITY_SNAPSHOT=http://snapshot.debian.org/archive/debian-security/20260713T000000Z
RUN rm -rf /etc/apt/sources.list.d/* \
    && printf 'deb [check-valid-until=no] %s\n' \
        "$DEBIAN_SNAPSHOT trixie main" "$DEBIAN_SNAPSHOT trixie-updates main" "$DEBIAN_SECURITY_SNAPSHOT trixie-security main" \
        > /etc/apt/sources.list \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get upgrade --yes --no-install-recommends \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 python3-pandas
# What differs from build to build stays behind: logs, lists, caches and what the
# builder mounts. Debian's bytecode holds the time of its source, which is set here;
# this one is taken as it is, so that a task does not compile pandas on each start.
RUN mkdir -p /out/image && cp -a /bin /etc /lib* /sbin /usr /var /out/image/ && cd /out/image \
    && rm -rf var/lib/apt/lists/* var/cache/* var/log/* var/lib/dpkg/*-old var/tmp/* \
        etc/hostname etc/hosts etc/resolv.conf etc/mtab etc/machine-id etc/.pwd.lock usr/lib/python3/dist-packages/pandas/tests \
    && find . -name __pycache__ -prune -exec rm -rf {} + \
    && python3 -m compileall -q -j 0 -s /out/image --invalidation-mode unchecked-hash usr/lib/python3 usr/lib/python3.13 \
    && find /out -exec touch --no-dereference --date=@0 {} +

FROM scratch AS python
COPY --from=debian /out/image/ /
COPY --from=build /out/image/ /
COPY --from=build --chown=65532:65532 /out/scratch/ /
ENV DS_PYTHON=/usr/bin/python3
VOLUME ["/tmp"]
USER 65532:65532
ENTRYPOINT ["/preprocess"]
CMD ["run"]

# The usual image, which is built unless another target is named.
FROM scratch
COPY --from=build /out/image/ /
# The root file system is read-only in AWS. This directory is a volume there, which takes
# its owner from here.
COPY --from=build --chown=65532:65532 /out/scratch/ /
VOLUME ["/tmp"]
USER 65532:65532
ENTRYPOINT ["/preprocess"]
CMD ["run"]
