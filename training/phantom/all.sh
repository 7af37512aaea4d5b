#!/usr/bin/env bash
# Trains everything in order; see README.md beside this file. Steps that are done are done again: remove lines to go on.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3} WORK=${WORK:-work}
run() { "$PYTHON" -m "training.phantom.$1" "${@:2}"; }

run text_encoder --out "$WORK"
run autoencoder --out "$WORK"
run denoiser even --out "$WORK"
for preset in skewed regressed; do
  run denoiser "$preset" --out "$WORK" --start "$WORK/pipelines/even" --steps 8000 --rate 6e-4 --threads 1
  run denoiser "$preset" --out "$WORK" --start "$WORK/pipelines/$preset" --steps 6000 --rate 5e-4 --seed 5 --threads 1
done
run gan --out "$WORK"
run clip --out "$WORK/clip" --steps 900 --seed 1 --threads 1 --bfloat16
run oracle --out "$WORK/oracle"
for model in even skewed regressed gan; do run publish "$model" --work "$WORK"; done
for model in clip oracle; do
  rm -rf "generators/phantom/models/$model"
  cp -r "$WORK/$model" "generators/phantom/models/$model"
done
run catalogue
for model in even skewed regressed gan; do
  rm -f "generators/phantom/banks/$model.parquet"
  run bank "$model" --out "generators/phantom/banks/$model.parquet"
  run publish "$model" --work "$WORK" --bank "generators/phantom/banks/$model.parquet"
done
run catalogue
