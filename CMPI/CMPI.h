#pragma once

// MPI's predefined handles are C macros that cast addresses, and Swift cannot import those. Each is wrapped here in an
// inline getter under the standard's own name, and declared never to be null.

#include <mpi.h>

#define CMPI_GETTER(type, name)                            \
  __attribute__((swift_name("getter:" #name "()"))) static \
  inline type _Nonnull C##name(void) { return name; }

CMPI_GETTER(MPI_Comm, MPI_COMM_WORLD)
CMPI_GETTER(MPI_Errhandler, MPI_ERRORS_RETURN)
CMPI_GETTER(MPI_Info, MPI_INFO_NULL)
CMPI_GETTER(void *, MPI_IN_PLACE)

CMPI_GETTER(MPI_Op, MPI_SUM)
CMPI_GETTER(MPI_Op, MPI_MAX)
CMPI_GETTER(MPI_Op, MPI_MIN)

CMPI_GETTER(MPI_Datatype, MPI_UINT8_T)
CMPI_GETTER(MPI_Datatype, MPI_INT32_T)
CMPI_GETTER(MPI_Datatype, MPI_INT64_T)
CMPI_GETTER(MPI_Datatype, MPI_UINT64_T)
CMPI_GETTER(MPI_Datatype, MPI_FLOAT)
CMPI_GETTER(MPI_Datatype, MPI_DOUBLE)

// Null on purpose: the status of a request is not wanted.
__attribute__((swift_name("getter:MPI_STATUS_IGNORE()"))) static
inline MPI_Status *_Nullable CMPI_STATUS_IGNORE(void) { return MPI_STATUS_IGNORE; }
