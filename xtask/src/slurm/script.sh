code_file=$PWD/slurm/$SLURM_JOB_NAME-$SLURM_ARRAY_TASK_ID.exit
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
rm -f -- "$code_file"
exec >>"logs/${key//\//-}.log" 2>&1
echo "--- $key: job $task on $SLURMD_NODENAME, $(date '+%F %T')"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$SLURM_CPUS_ON_NODE}
export RAYON_NUM_THREADS=${RAYON_NUM_THREADS:-$SLURM_CPUS_ON_NODE}
cd -- "$folder" || exit

# Ahead of the time limit Slurm sends USR2 to this shell alone, which passes it on: a training run
# saves its state and exits with 75; whatever does not know the signal ignores it. TERM (cancelled, or
# preempted) comes to every process by itself, and this shell stays to the end of the step.
step=
asked=1
trap 'asked=1; [ -z "$step" ] || kill -USR2 "$step"' USR2
trap 'asked=1' TERM
(trap '' USR2; exec "$@") &
step=$!
# A signal ends `wait`, too.
while [ "$asked" ]; do
  asked=
  wait "$step"
  code=$?
done

# Slurm itself requeues what it preempts, and a cancelled job shall not come back: neither is RUNNING.
# The array's own id, which its last task bears as SLURM_JOB_ID, would requeue all of its tasks.
if [ "$code" -eq 75 ] && [ "$(squeue --noheader --jobs="$task" --format=%T)" = RUNNING ]; then
  echo "--- saved; back into the queue"
  scontrol requeue "$task" && exit 75
fi
echo "$code" >"$code_file.part" && mv -- "$code_file.part" "$code_file"
exit "$code"
