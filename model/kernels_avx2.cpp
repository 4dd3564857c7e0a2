#define CHARTER_ISA "avx2"
#define CHARTER_KERNELS kernels_avx2
#include "model/kernels_impl.hpp"
