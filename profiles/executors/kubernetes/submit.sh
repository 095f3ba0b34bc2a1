#!/bin/sh
# Create a Kubernetes job for one job of the batch and print its name.
# Arguments: GPUs, memory in MB, minutes, cores, and the script that Snakemake wrote for the job.
set -eu
sed -e "s|@GPUS@|$1|g" -e "s|@MEGABYTES@|$2|g" -e "s|@SECONDS@|$(($3 * 60))|g" \
    -e "s|@CORES@|$4|g" -e "s|@SCRIPT@|$5|g" -e "s|@FOLDER@|$PWD|g" \
    -e "s|@DATA@|${PROXYLAB_DATA:-}|g" -e "s|@OFFLINE@|${HF_HUB_OFFLINE:-1}|g" \
    -e "s|@HUB@|${HF_HOME:-$PWD/build/hub}|g" "$(dirname "$0")/job.yaml" |
    kubectl create -f - -o name
