print("mpi-check")
