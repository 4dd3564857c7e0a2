#define CHARTER_ISA "avx512bf16"
#define CHARTER_KERNELS kernels_avx512bf16
#include "model/kernels_impl.hpp"
