#!/bin/bash
# Stands for Slurm's commands in the tests that need no job to run: what is submitted stays in `queue`
# beside the program, a line a task as squeue would show it, and never begins.
here=$(dirname "$0")
case $(basename "$0") in
  scontrol) echo "MaxArraySize            = 1001" ;;
  squeue) cat "$here/queue" 2>/dev/null || true ;;
  sbatch)
    [ "$1" = --version ] && exit
    id=$(($(cat "$here/id" 2>/dev/null || echo 0) + 1))
    echo "$id" >"$here/id"
    for option in "$@"; do
      case $option in
        --job-name=*) name=${option#*=} ;;
        --array=*) last=${option#*-} && last=${last#*-} && last=${last%%%*} ;;
        --chdir=*) folder=${option#*=} ;;
      esac
    done
    for index in $(seq 0 "${last##*-}"); do
      echo "$id|$index|PENDING|$name|Priority|$folder" >>"$here/queue"
    done
    echo "$id" ;;
  *) exit 1 ;;
esac
