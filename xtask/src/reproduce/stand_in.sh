#!/bin/sh
# Stands for all four programs in the tests of reproduce, as far as their files go: a run is named by
# its configuration. Every call is written down beside the program; a file `fail` there holds what
# makes a call fail.
here=$(dirname "$0")
program=$(basename "$0")
line="$program $*"
flag() { # the value after a flag
  want=$1; shift
  while [ $# -gt 0 ]; do [ "$1" = "$want" ] && echo "$2" && return; shift; done
}
out=$(flag --out "$@")
config=$(flag --config "$@")
if [ -n "$config" ]; then
  line="$program $1 $(sed -n 's/^name = //p' "$config")"
  run=$out/$(grep -v -e '^name' "$config" | cksum | tr ' ' '-')
fi
case "$line" in "trainer explain"*) line="trainer explain $(flag --checkpoint "$@")";; esac
case "$line" in "evaluator"*) line="evaluator $(flag --threshold "$@")";; esac
[ "$1" = state ] || echo "$line" >> "$here/calls"
if [ -f "$here/fail" ] && echo "$line" | grep -q "$(cat "$here/fail")"; then
  echo "error: told to" >&2
  exit 2
fi
case "$program $1" in
  "data-prep "*) mkdir -p "$out" && touch "$out/images.parquet" ;;
  "trainer train")
    mkdir -p "$run/checkpoints" && touch "$run/checkpoints/epoch-0001.safetensors" "$run/run.parquet"
    echo "$run" ;;
  "trainer state")
    if [ -f "$run/run.parquet" ]; then state=finished; else state=absent; fi
    printf '%s\t%s\n' "$(basename "$run")" "$state" ;;
  "trainer explain") echo maps ;;
  "evaluator score") cat > /dev/null; touch "$out/metrics.parquet" ;;
  "analysis report") mkdir -p "$out" && touch "$out/report.html" ;;
esac
