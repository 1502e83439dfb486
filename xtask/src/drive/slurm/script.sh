files=$PWD/slurm/$SLURM_JOB_NAME-$SLURM_ARRAY_TASK_ID
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
rm -f -- "$files".{exit,code,pid}
echo "--- $key: job $task on $SLURMD_NODENAME, $(date '+%F %T')"
cpus=${SLURM_CPUS_PER_TASK:-$SLURM_CPUS_ON_NODE}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$cpus}
export RAYON_NUM_THREADS=${RAYON_NUM_THREADS:-$cpus}
export POLARS_MAX_THREADS=${POLARS_MAX_THREADS:-$cpus}

# Ahead of the time limit Slurm sends USR2 to this shell alone, which passes it on: a training run
# saves its state and exits with 75; whatever does not know the signal ignores it. TERM (cancelled, or
# preempted) comes to every process by itself; the shells stay to the end of the step. Its exit code
# comes in a file because bash may lose that of a child which ends while a signal is handled.
trap '' TERM
trap 'kill -USR2 "$(cat -- "$files.pid")"' USR2
(
  trap '' USR2
  (
    trap - TERM
    echo "$BASHPID" >"$files.pid"
    exec "$@"
  )
  echo $? >"$files.code"
) &
while kill -0 $! 2>/dev/null; do wait $!; done
read -r code <"$files.code" || code=1

# Slurm itself requeues what it preempts, and a cancelled job shall not come back: neither is RUNNING.
# The array's own id, which its last task bears as SLURM_JOB_ID, would requeue all of its tasks. A busy
# controller is asked again.
for _ in 1 2 3; do
  [ "$code" -eq 75 ] || break
  if state=$(squeue --noheader --jobs="$task" --format=%T); then
    [ "$state" = RUNNING ] || break
    echo "--- saved; back into the queue"
    scontrol requeue "$task" && exit 75
  fi
  sleep 5
done
rm -f -- "$files.pid"
mv -- "$files.code" "$files.exit"
exit "$code"
