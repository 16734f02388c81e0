"""How JAX is kept to one thread, and its loops to one function, in processes that share the machine's cores."""

ONE_THREAD = {
    "XLA_FLAGS": " ".join(
        [
            "--xla_cpu_multi_thread_eigen=false",
            # A loop over bins is one function, whatever its size, instead of some 270 calls a bin. Matrix products
            # handed to a library would prevent that.
            "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000000",
            "--xla_cpu_experimental_ynn_fusion_type=",
        ]
    ),
    # The size of XLA's pool. A second thread would find nothing to do in operations as small as a training step's, and
    # spin while it looks: half of all CPU time.
    "PJRT_NPROC": "1",
    "OMP_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}
"""Environment variables."""
