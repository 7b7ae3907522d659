ARG BASE_IMAGE=python:3.13-slim-trixie

# pictures of the demo camera, cut out of photos that come with two big libraries
FROM ${BASE_IMAGE} AS pictures
WORKDIR /build
COPY requirements/pictures.txt ./
RUN --mount=type=cache,target=/root/.cache/pip python -m venv tools && tools/bin/pip install --quiet --require-hashes -r pictures.txt
COPY services/camera/cut_demo_pictures.py ./
RUN mkdir -p src/seccam_camera && tools/bin/python cut_demo_pictures.py

FROM ${BASE_IMAGE} AS builder
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY Dockerfiles/install-* Dockerfiles/
COPY requirements/build.txt requirements/camera.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip Dockerfiles/install-dependencies requirements/camera.txt
COPY libs/seccam libs/seccam
COPY services/camera services/camera
COPY --from=pictures /build/src/seccam_camera/pictures services/camera/src/seccam_camera/pictures
RUN Dockerfiles/install-parts libs/seccam services/camera

FROM ${BASE_IMAGE}
RUN --mount=type=bind,source=Dockerfiles/remove-installers,target=/tmp/remove-installers python /tmp/remove-installers
COPY LICENSE /usr/share/doc/seccam/
COPY --from=builder /opt/seccam /opt/seccam
ENV PATH=/opt/seccam/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 9090
ENTRYPOINT ["seccam-camera"]

ARG BASE_IMAGE VERSION=unknown REVISION=unknown
ENV SECCAM_REVISION=${REVISION}
LABEL org.opencontainers.image.title="seccam-camera" \
      org.opencontainers.image.description="Takes pictures from one camera and publishes them, in time slots, for viewing and for security" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.source="https://github.com/seccam/seccam" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-or-later AND LGPL-2.0-or-later AND LGPL-2.1-or-later AND LGPL-3.0-or-later AND ODbL-1.0"
