#!/bin/sh
# Installs the locked packages of a requirements file into /opt/venv, less what only compilers, graphics cards and tests need.
set -eu
/opt/venv/bin/pip install --cache-dir /var/cache/pip --disable-pip-version-check --no-compile --require-hashes -r "$1"
cd /opt/venv/lib/python3*/site-packages
rm -rf tensorflow/include clang libclang* pip pip-*
rm -rf ai_edge_litert/tools ai_edge_litert/vendors ai_edge_litert/aot ai_edge_litert/libLiteRtWebGpuAccelerator.so
find . -type d -name tests -not -path './numpy/*' -prune -exec rm -rf {} +
find . -name '*.so*' -type f -exec strip --strip-unneeded {} +
/opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib
