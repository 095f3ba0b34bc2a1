#!/bin/sh
# Print how many NVIDIA GPUs the jobs of a batch may be handed: those that CUDA_VISIBLE_DEVICES
# names, else all of this machine; 0 where there is none, or PROXYLAB_DEVICE keeps models off it.
set -u
if [ "${PROXYLAB_DEVICE:-}" = cpu ]; then
    echo 0
elif [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then
    # CUDA reads this list up to the first number that is no device's (-1)
    echo "$CUDA_VISIBLE_DEVICES" | tr ',' '\n' | sed '/^-/,$d' | grep -c .
else
    nvidia-smi -L 2>/dev/null | grep -c '^GPU '
fi
exit 0 # grep's status says whether it counted any
