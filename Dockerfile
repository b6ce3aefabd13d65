# SPDX-License-Identifier: Apache-2.0
# The image of octet-server. deploy/build-image.sh builds it and fills in the
# arguments; deploy/README.md says how to run it.
ARG BASE=docker.io/library/debian:13-slim

# oneDNN is what takes long, so nothing else invalidates its layer: a stage
# with only the packages and the files that decide what is compiled.
FROM ${BASE} AS onednn
RUN apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y \
      --no-install-recommends install \
      g++ cmake ninja-build ccache dpkg-dev xz-utils ca-certificates \
      libspdlog-dev
COPY deploy/console.sh deploy/onednn-prefix.sh deploy/source-package.sh \
     /octet/deploy/
COPY deploy/onednn /octet/deploy/onednn
# Where a builder may mount a compiler cache.
ENV OCTET_CACHE_DIR=/octet-cache CCACHE_DIR=/ccache
RUN bash /octet/deploy/onednn/build.sh

FROM onednn AS build
COPY deploy/install-dependencies.sh /octet/deploy/
RUN bash /octet/deploy/install-dependencies.sh
WORKDIR /octet
COPY . .
RUN cmake --preset release -DOCTET_BUILD_TESTS=OFF -Wno-dev && \
    ninja -C build/release octet-server
# What the image gets, and what it needs for that.
RUN for part in server documents; do \
      DESTDIR=/image cmake --install build/release --prefix /usr --strip \
        --component "$part" || exit 1; \
    done && \
    bash deploy/container/runtime-packages.sh /image/usr/bin/octet-server \
      >/runtime-packages && \
    bash deploy/container/compiled-in.sh >/compiled-in

FROM ${BASE} AS runtime
COPY --from=build /runtime-packages /runtime-packages
RUN apt-get -q update && \
    DEBIAN_FRONTEND=noninteractive xargs apt-get -q -y \
      --no-install-recommends install </runtime-packages && \
    apt-get clean && \
    rm -rf /runtime-packages /var/lib/apt/lists/* /var/cache/apt/*.bin \
      /var/cache/debconf/*-old /var/cache/ldconfig/* /var/lib/dpkg/*-old \
      /var/log/apt /var/log/dpkg.log /var/log/alternatives.log && \
    mkdir /models

FROM runtime AS materials
ARG VERSION=unknown
COPY deploy/container/sbom.sh /sbom.sh
COPY --from=build /compiled-in /compiled-in
RUN sh /sbom.sh "$VERSION" /compiled-in >/sbom.json

FROM runtime
ARG VERSION=unknown
ARG REVISION=unknown
ARG LICENCE=Apache-2.0
LABEL org.opencontainers.image.title="octet-server" \
      org.opencontainers.image.description="An int8 inference server for CPUs" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="${LICENCE}"
COPY --from=materials /sbom.json /usr/share/doc/octet/sbom.json
COPY --from=build /image/ /

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
# In a container loopback would be reached by nobody. Off loopback the control
# RPCs are refused unless OCTET_SERVER_CONTROL_ACCESS says who may call them.
ENV OCTET_SERVER_BIND_ADDRESS=0.0.0.0 \
    OCTET_SERVER_MODEL_REPOSITORY=/models
EXPOSE 8001 8002
STOPSIGNAL SIGTERM
# Reads the same variables as the server; loading many models takes its time.
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s --retries=3 \
  CMD ["/usr/bin/octet-server", "--health"]
ENTRYPOINT ["/usr/bin/octet-server"]
