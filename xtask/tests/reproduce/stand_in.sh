#!/bin/sh
# Stands for all four stages in the tests of reproduce, as far as their files go: a run is named by
# its configuration without its name. Beside the program `calls` gets a line for every call but those of
# state, select, vocabulary and formulas (these are in `asked`), and `threads` how many threads a call may
# have, of all but vocabulary and formulas.
# Other files there change what happens. `fail` holds what makes a call fail, where its line has it (with
# the code in `code`, else 2). With `meet`, training fails unless another one is there within half a minute.
# With `hang`, it ends at a signal with 75, else after a minute with 2; with `hold`, it waits until that file
# goes. With `progress`, which holds what the trainer would write, it says that it is so far.
# `linger` holds what makes a call sleep for ten minutes, whose process has no trap for a signal.
# `formulas` holds what `evaluator formulas` says, else 2 and 4; `described` what `trainer describe` says, `pace`
# what `trainer pace` says, and `survey` what data-prep says about own data.
here=$(dirname "$0")
program=$(basename "$0")
flag() { # the value after a flag
  want=$1; shift
  while [ $# -gt 0 ]; do [ "$1" = "$want" ] && echo "$2" && return; shift; done
}
out=$(flag --out "$@")
config=$(flag --config "$@")
run_id() { grep -v -e '^name' "$1" | cksum | tr ' ' '-'; } # of a configuration
line="$program $*"
if [ -n "$config" ]; then
  line="$program $1 $(sed -n 's/^name = //p' "$config") $(flag --device "$@")"
  run=$out/$(run_id "$config")
fi
metrics=$(flag --metric "$@")
case "$program $1" in
  "trainer explain") line="trainer explain $(flag --split "$@") $(flag --checkpoint "$@") $(flag --attribution "$@")@$(flag --layer "$@") $(flag --task "$@")" ;;
  "trainer faithfulness") line="trainer faithfulness $(basename "$(flag --run "$@")") $(flag --split "$@") $(flag --checkpoint "$@") $(flag --attribution "$@")@$(flag --layer "$@") $(flag --pairs "$@")" ;;
  "evaluator score") line="evaluator $(basename "$out") $(flag --threshold "$@") $(flag --replicates "$@") $(basename "$(flag --threshold-from "$@")")${metrics:+ $metrics}" ;;
esac
if [ "$program $1" = "evaluator formulas" ]; then
  echo asked >> "$here/asked"
  cat "$here/formulas" 2>/dev/null || printf 'formulas = 2\nscores = 4\n'
  exit
fi
if [ "$1" = vocabulary ]; then # as it was recorded, of the real program
  cat "$(dirname "$(readlink -f "$0")")/../fixtures/vocabulary/$program.json"
  exit
fi
[ "$1" = state ] || [ "$1" = select ] || echo "$line" >> "$here/calls"
echo "$program $1 ${OMP_NUM_THREADS-} ${RAYON_NUM_THREADS-} ${POLARS_MAX_THREADS-}" >> "$here/threads"
if [ -f "$here/fail" ] && echo "$line" | grep -q "$(cat "$here/fail")"; then
  echo "error: told to" >&2
  exit "$(cat "$here/code" 2>/dev/null || echo 2)"
fi
if [ -f "$here/linger" ] && echo "$line" | grep -q "$(cat "$here/linger")"; then
  touch "$here/lingering"
  exec sleep 600
fi
case "$program $1 $*" in
  "data-prep read "*--dry-run*) cat "$here/survey"; exit ;;
esac
case "$program $1" in
  "trainer describe") cat "$here/described" ;;
  "trainer pace") cat "$here/pace" ;;
  "trainer import") cp "$2" "$out" ;;
  "data-prep "*) mkdir -p "$out" && touch "$out/images.parquet" ;;
  "trainer train")
    if [ -f "$here/meet" ]; then
      touch "$here/met-$(flag --device "$@")"
      for _ in $(seq 300); do [ "$(ls "$here" | grep -c ^met-)" -ge 2 ] && break; sleep 0.1; done
      [ "$(ls "$here" | grep -c ^met-)" -ge 2 ] || { echo "error: alone" >&2; exit 2; }
    fi
    if [ -f "$here/hang" ]; then
      trap 'echo "epoch 1 saved" >&2; exit 75' HUP INT USR2
      touch "$here/hanging"
      for _ in $(seq 600); do sleep 0.1; done
      exit 2
    fi
    if [ -f "$here/progress" ]; then cp "$here/progress" "$(flag --progress "$@")"; fi
    while [ -f "$here/hold" ]; do touch "$here/holding"; sleep 0.1; done
    mkdir -p "$run/checkpoints" && touch "$run/checkpoints/epoch-0001.safetensors" "$run/run.parquet"
    cp "$config" "$run/run.toml"
    echo "$run" ;;
  "trainer state")
    while [ $# -gt 0 ]; do
      if [ "$1" = --config ]; then
        run=$(run_id "$2")
        if [ -f "$out/$run/run.parquet" ]; then state=finished; else state=absent; fi
        printf '%s\t%s\n' "$run" "$state"
      fi
      shift
    done ;;
  # Of a configuration's runs the last alone is chosen, or, against a baseline, the first.
  "trainer select")
    run=$2
    [ -n "$(flag --against "$@")" ] || for run in "$@"; do :; done
    printf '%s\t1\n' "$(basename "$run")" ;;
  "trainer explain") echo maps ;;
  "trainer faithfulness") touch "$out" ;;
  "evaluator score")
    before=$(flag --threshold-from "$@")
    if [ -n "$before" ] && [ ! -f "$before/metrics.parquet" ]; then
      echo "error: $before: no thresholds" >&2
      exit 2
    fi
    cat > /dev/null; touch "$out/metrics.parquet" ;;
  "analysis report") mkdir -p "$out" && touch "$out/report.html" ;;
esac
