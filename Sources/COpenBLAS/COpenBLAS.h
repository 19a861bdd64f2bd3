// OpenBLAS, as Debian ships it: what the program's own products are measured against.
#pragma once
#include <cblas.h>
