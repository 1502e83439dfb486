#!/bin/bash
# Stands for `xtask step --out OUT KEY` in the tests on a cluster. Starts and ends are written to
# OUT/calls. A key that OUT/fail names fails. Training (baseline, guided) does six units, saves after
# each, writes each to OUT/units, and after the third waits for OUT/go; USR2 and TERM end it after the
# unit at hand, with 75, as they end the trainer.

# The batch script has it ignore USR2, which a shell cannot take back as the trainer does.
[ "$TAKEN_BACK" ] || TAKEN_BACK=1 exec env --default-signal=USR2 "$0" "$@"
out=$3
key=$4
saved=$out/saved-${key//\//-}
echo "start $key" >>"$out/calls"
if grep -qsx "$key" "$out/fail"; then
  echo "error: told to" >&2
  exit 3
fi
case $key in baseline/* | guided/*)
  told=
  trap 'told=1' USR2 TERM
  n=$(cat "$saved" 2>/dev/null || echo 0)
  while [ "$n" -lt 6 ]; do
    while [ "$n" -ge 3 ] && [ ! "$told" ] && [ -d "$out" ] && [ ! -e "$out/go" ]; do sleep 0.1; done
    if [ "$told" ]; then
      echo "saved after unit $n"
      exit 75
    fi
    [ -d "$out" ] || exit 1
    n=$((n + 1))
    echo "$key $n" >>"$out/units"
    echo "$n" >"$saved"
  done
esac
echo "end $key" >>"$out/calls"
