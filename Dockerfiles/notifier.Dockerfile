# Two images of one package: `standalone`, the default, and `nuclio` (--target nuclio). EXTRAS=apprise adds Apprise to either.
ARG BASE_IMAGE=python:3.11-slim-bookworm
ARG TARGETARCH
ARG NUCLIO_IMAGE=quay.io/nuclio/handler-builder-python-onbuild:1.15.11-${TARGETARCH}

FROM ${BASE_IMAGE} AS builder
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY Dockerfiles/install-* Dockerfiles/
COPY requirements/build.txt requirements/notifier*.txt requirements/
ARG EXTRAS=
RUN --mount=type=cache,target=/root/.cache/pip Dockerfiles/install-dependencies requirements/notifier${EXTRAS:+-$EXTRAS}.txt
COPY libs/seccam libs/seccam
COPY functions/ifttt_notifier functions/ifttt_notifier
RUN Dockerfiles/install-parts libs/seccam functions/ifttt_notifier

FROM ${BASE_IMAGE} AS base
RUN --mount=type=bind,source=Dockerfiles/remove-installers,target=/tmp/remove-installers python /tmp/remove-installers
COPY LICENSE /usr/share/doc/seccam/
ENV PATH=/opt/seccam/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
COPY --from=builder /opt/seccam /opt/seccam
USER 10001:10001
EXPOSE 9090
ARG BASE_IMAGE VERSION=unknown REVISION=unknown
ENV SECCAM_REVISION=${REVISION}
LABEL org.opencontainers.image.title="seccam-notifier" \
      org.opencontainers.image.description="Tells people of seccam's events" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.source="https://github.com/seccam/seccam" \
      org.opencontainers.image.licenses="Apache-2.0 AND MPL-2.0 AND ODbL-1.0"

FROM ${NUCLIO_IMAGE} AS processor

FROM base AS nuclio
COPY --from=processor /home/nuclio/bin/processor /usr/local/bin/processor
COPY --from=processor /home/nuclio/bin/py /opt/nuclio
ENV NUCLIO_PYTHON_EXE_PATH=/opt/seccam/bin/python
LABEL org.opencontainers.image.title="seccam-notifier-nuclio" \
      org.opencontainers.image.description="Tells people of seccam's events, within Nuclio's processor"
# without Nuclio's controller (its portable mode), `--config` names a processor's configuration
CMD ["processor"]

FROM base AS standalone
ENTRYPOINT ["seccam-notifier"]
