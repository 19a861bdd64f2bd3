import Glibc
import MPI

// Run as: mpirun -np N mpi-check NAME...
// Prints the names of the checks that passed. Exits with 0 if all did; else says on standard error what was wrong.

let names = CommandLine.arguments.dropFirst()
let known = Check.allCases.map(\.rawValue) + Ending.allCases.map(\.rawValue)
guard !names.isEmpty, names.allSatisfy(known.contains) else {
  MPI.writeLineToStandardError("Usage: mpi-check NAME..., of \(known.joined(separator: ", "))")
  exit(64)
}
exit(
  MPI.run { world in
    for name in names {
      if let ending = Ending(rawValue: name) { return try ending.run(on: world) }
      try Check(rawValue: name)?.run(on: world)
      if world.rank == 0 { print(name) }
    }
    return 0
  })
