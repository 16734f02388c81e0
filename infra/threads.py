"""How JAX is kept to one thread in processes that share the machine's cores among themselves."""

ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    # The size of XLA's pool. A second thread would find nothing to do in operations as small as a training step's, and
    # spin while it looks: half of all CPU time.
    "PJRT_NPROC": "1",
    "OMP_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}
"""Environment variables."""
