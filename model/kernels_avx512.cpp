#define CHARTER_ISA "avx512"
#define CHARTER_KERNELS kernels_avx512
#include "model/kernels_impl.hpp"
