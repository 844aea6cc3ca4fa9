# docker build -t mnist-service .                            serves; holds no TensorFlow and no build tools
# docker build -t mnist-training --target training .        fits new versions into the volume /models

FROM python:3.13-slim AS common
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MNIST_MODELS=/models
WORKDIR /app
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin mnist \
    && install -d -o mnist -g mnist /models

FROM python:3.13-slim AS serving-packages
COPY deploy/requirements-serving.txt deploy/requirements-image.txt deploy/leave_out.py /
RUN pip install --no-cache-dir --prefix /packages --require-hashes -r /requirements-serving.txt
RUN pip install --no-cache-dir --require-hashes -r /requirements-image.txt \
    && python /leave_out.py /packages/lib/python*/site-packages

FROM python:3.13-slim AS training-packages
COPY deploy/requirements-training.txt /
RUN pip install --no-cache-dir --prefix /packages --require-hashes -r /requirements-training.txt

FROM common AS training
COPY --from=training-packages /packages /usr/local
COPY service service
COPY training training
ENV HOME=/tmp
USER 10001
ENTRYPOINT ["python", "-m", "training"]

FROM common AS serving
COPY --from=serving-packages /packages /usr/local
COPY service service
# The service starts in half the time with all that it imports compiled, also of Python's own library.
RUN PYTHONDONTWRITEBYTECODE= python -m gunicorn --check-config --config python:service.gunicorn_conf 'service:create_app()'
ENV MNIST_HOST=0.0.0.0 OPENBLAS_NUM_THREADS=1
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["python", "-m", "service"]
