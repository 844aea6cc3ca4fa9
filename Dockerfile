# docker build -t mnist-service .                            serves; holds no TensorFlow and no build tools
# docker build -t mnist-ray --target ray .                  reads many images, on the nodes of a Ray cluster
# docker build -t mnist-training --target training .        fits new versions into the volume /models
# Each build of a revision holds the same files: packages by the lock's hashes, and nothing that tells the time.

ARG BASE=python:3.13-slim
ARG VERSION=1.0.0

FROM $BASE AS common
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MNIST_MODELS=/models MNIST_SHIPPED_FIRST=true
WORKDIR /app
# useradd would write today's date to /etc/shadow; the epoch is no date to it.
RUN SOURCE_DATE_EPOCH=0 useradd --uid 10001 --no-log-init --no-create-home --shell /usr/sbin/nologin mnist \
    && install -d -o mnist -g mnist /models /feedback
COPY LICENSE .
ARG BASE
ARG VERSION
LABEL org.opencontainers.image.version=$VERSION org.opencontainers.image.base.name=$BASE

FROM $BASE AS tools
WORKDIR /build
COPY deploy/requirements-image.txt .
RUN python -m venv --without-pip /tools \
    && pip --python /tools/bin/python install --no-cache-dir --no-compile --only-binary :all: \
        --require-hashes -r requirements-image.txt

# What the bill of materials is of: the project, which leaves its version to the build. It is copied when the packages
# are installed, so that a change of it installs none anew.
FROM $BASE AS project
WORKDIR /build
COPY pyproject.toml .
ARG VERSION
RUN sed -i "s/^dynamic = .*/version = \"$VERSION\"/" pyproject.toml

FROM tools AS serving-packages
COPY deploy/requirements-serving.txt .
RUN pip install --no-cache-dir --no-compile --only-binary :all: --prefix /packages \
        --require-hashes -r requirements-serving.txt \
    && ln -s /packages/lib/python*/site-packages packages
# What no path of the service loads: LiteRT's other interfaces; Pillow's color profiles and fonts; tests; types.
RUN rm -rf packages/ai_edge_litert/aot packages/ai_edge_litert/tools packages/ai_edge_litert/vendors \
        packages/ai_edge_litert/libLiteRt.so packages/ai_edge_litert/libLiteRtWebGpuAccelerator.so \
        packages/PIL/_imagingcms.* packages/PIL/_imagingft.* \
        packages/pillow.libs/libbrotli* packages/pillow.libs/libfreetype-* \
        packages/pillow.libs/libharfbuzz-* packages/pillow.libs/liblcms2-* \
    && find packages/ \( -name tests -o -name '*.pyi' \) -prune -exec rm -r {} +
COPY --from=project /build/pyproject.toml .
# It lists what the image's Python will find, but doesn't itself import from there (-E).
RUN PYTHONPATH=$(echo /packages/lib/python*/site-packages) /tools/bin/python -E -m cyclonedx_py environment \
        --pyproject pyproject.toml --output-reproducible --output-file sbom.cdx.json /usr/local/bin/python

FROM common AS serving
COPY --from=serving-packages /packages /usr/local
COPY --from=serving-packages /build/sbom.cdx.json .
COPY service service
# It starts in half the time with all that it imports compiled, of Python's own library, too. What Python compiles by
# itself holds the time of its source, so that only says what to compile, beside all that the workers may import.
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN record() { PYTHONDONTWRITEBYTECODE='' PYTHONPYCACHEPREFIX=/tmp/imported python "$@"; } \
    && record -m gunicorn --check-config --config python:service.server.gunicorn_conf 'service:create_app()' \
    && record -c 'import service.server.grpc.server' \
    && find /tmp/imported -name '*.pyc' | sed -E 's|/tmp/imported(.*)\.cpython-.*|\1.py|' | sort \
        | python -m compileall -q --invalidation-mode unchecked-hash -i - \
            service /usr/local/lib/python*/site-packages/gunicorn /usr/local/lib/python*/logging \
    && rm -r /tmp/imported
ENV MNIST_HOST=0.0.0.0 OPENBLAS_NUM_THREADS=1
USER 10001
# gRPC is on where MNIST_GRPC_PORT=8500 is set.
EXPOSE 8080 8500
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["python", "-m", "service"]
LABEL org.opencontainers.image.title=mnist-service \
    org.opencontainers.image.description="Reads handwritten digits: a model trained on MNIST, served over HTTP" \
    org.opencontainers.image.licenses="MIT AND CC-BY-SA-3.0"

FROM tools AS ray-packages
COPY deploy/requirements-ray.txt .
RUN pip install --no-cache-dir --no-compile --only-binary :all: --prefix /packages \
        --require-hashes -r requirements-ray.txt \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /packages
COPY --from=project /build/pyproject.toml .
RUN PYTHONPATH=$(echo /packages/lib/python*/site-packages) /tools/bin/python -E -m cyclonedx_py environment \
        --pyproject pyproject.toml --output-reproducible --output-file sbom.cdx.json /usr/local/bin/python

# The nodes of a Ray cluster, which read many images: deploy/ray.
FROM serving AS ray
COPY --from=ray-packages /packages /usr/local
COPY --from=ray-packages /build/sbom.cdx.json .
# Ray's workers start in folders of their own.
ENV HOME=/tmp PYTHONPATH=/app
HEALTHCHECK NONE
LABEL org.opencontainers.image.title=mnist-ray \
    org.opencontainers.image.description="Reads handwritten digits on the nodes of a Ray cluster"

FROM tools AS training-packages
COPY deploy/requirements-training.txt .
RUN pip install --no-cache-dir --no-compile --only-binary :all: --prefix /packages \
        --require-hashes -r requirements-training.txt \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /packages
COPY --from=project /build/pyproject.toml .
RUN PYTHONPATH=$(echo /packages/lib/python*/site-packages) /tools/bin/python -E -m cyclonedx_py environment \
        --pyproject pyproject.toml --output-reproducible --output-file sbom.cdx.json /usr/local/bin/python

FROM common AS training
COPY --from=training-packages /packages /usr/local
COPY --from=training-packages /build/sbom.cdx.json .
COPY service service
COPY training training
ENV HOME=/tmp
USER 10001
ENTRYPOINT ["python", "-m", "training"]
LABEL org.opencontainers.image.title=mnist-training \
    org.opencontainers.image.description="Fits new versions of the model that mnist-service serves" \
    org.opencontainers.image.licenses="MIT AND CC-BY-SA-3.0"

# What is built where no target is named.
FROM serving
