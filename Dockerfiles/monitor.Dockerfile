ARG BASE_IMAGE=python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS builder
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY Dockerfiles/install-* Dockerfiles/
COPY requirements/build.txt requirements/monitor.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip Dockerfiles/install-dependencies requirements/monitor.txt
COPY libs/seccam libs/seccam
COPY services/monitor services/monitor
RUN Dockerfiles/install-parts libs/seccam services/monitor

FROM ${BASE_IMAGE}
RUN --mount=type=bind,source=Dockerfiles/remove-installers,target=/tmp/remove-installers python /tmp/remove-installers
COPY LICENSE /usr/share/doc/seccam/
COPY --from=builder /opt/seccam /opt/seccam
ENV PATH=/opt/seccam/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8080 9090
ENTRYPOINT ["seccam-monitor"]

ARG BASE_IMAGE VERSION=unknown REVISION=unknown
ENV SECCAM_REVISION=${REVISION}
LABEL org.opencontainers.image.title="seccam-monitor" \
      org.opencontainers.image.description="Shows the cameras as live video in a browser" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.source="https://github.com/seccam/seccam" \
      org.opencontainers.image.licenses="Apache-2.0"
