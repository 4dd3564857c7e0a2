#define CHARTER_ISA "avx512vnni"
#define CHARTER_KERNELS kernels_avx512vnni
#include "model/kernels_impl.hpp"
