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

# Python and pandas for scripts: docs/scripts.md. Wheels are taken for the processor
# that the image is for, and nothing of them is run here. They are copied below, so
# that no time gets into the image.
FROM --platform=$BUILDPLATFORM python:3.13.5-slim-bookworm AS pandas
ARG TARGETARCH=amd64
RUN case "$TARGETARCH" in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; *) exit 1 ;; esac \
    && pip install --no-cache-dir --disable-pip-version-check --no-compile --no-deps --only-binary=:all: \
        --implementation cp --python-version 3.13 --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" \
        --platform "manylinux2014_$machine" --target /out/site-packages \
        numpy==2.3.1 pandas==2.3.1 python-dateutil==2.9.0.post0 pytz==2025.2 six==1.17.0 tzdata==2025.2 \
    && find /out -exec touch --no-dereference --date=@0 {} +

FROM python:3.13.5-slim-bookworm AS python
COPY --from=pandas /out/site-packages/ /usr/local/lib/python3.13/site-packages/
COPY --from=build /out/image/ /
COPY --from=build --chown=65532:65532 /out/scratch/ /
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
