// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/fold_batch_norm.h"
#include "engine/passes/fold_constants.h"
#include "engine/passes/fuse_integer.h"
#include "engine/passes/fuse_into_producer.h"
#include "engine/passes/move_reshape_down.h"
#include "engine/passes/pass.h"
#include "engine/passes/recognize.h"
#include "engine/passes/remove_no_ops.h"
#include "engine/passes/slice_chains.h"

namespace octet::passes {

std::vector<Pass> FloatPasses() {
  return {
      {"fold_constants", FoldConstants},
      {"merge_slice_chains", MergeSliceChains},
      {"remove_no_ops", RemoveNoOps},
      {"fold_batch_norm", FoldBatchNorm},
      {"move_reshape_down", MoveReshapeDown},
      {"fuse_bias", FuseBias},
      // The residual before the activation: Conv, Add, Relu is one operator.
      {"fuse_residual_add", FuseResidualAdd},
      {"fuse_activation", FuseActivation},
      {"recognize_global_pool", RecognizeGlobalPool},
      {"recognize_one_hot_product", RecognizeOneHotProduct},
      // Before anything is quantized: a part of a normalization may look like a
      // residual sum.
      {"recognize_layer_norm", RecognizeLayerNorm},
  };
}

std::vector<Pass> FloatPassesForQLinear() {
  std::vector<Pass> passes = FloatPasses();
  std::erase_if(passes,
                [](const Pass& pass) { return pass.run == &FuseResidualAdd; });
  return passes;
}

std::vector<Pass> RecognitionPasses() {
  return {
      {"recognize_gated_activation", RecognizeGatedActivation},
      {"recognize_gelu", RecognizeGelu},
      {"recognize_layer_norm", RecognizeLayerNorm},
      {"recognize_attention", RecognizeAttention},
      {"remove_no_ops", RemoveNoOps},
      {"absorb_head_transposes", AbsorbHeadTransposes},
  };
}

std::vector<Pass> IntegerPasses() {
  return {
      {"cancel_dequantize_quantize", CancelDequantizeQuantize},
      {"fuse_integer_conv_and_matmul", FuseIntegerConvAndMatMul},
      {"fuse_recurrent_weights", FuseRecurrentWeights},
      {"fold_byte_functions", FoldByteFunctions},
      {"fuse_integer_arithmetic_and_pool", FuseIntegerArithmeticAndPool},
      {"move_dequantize_down", MoveDequantizeDown},
      {"remove_no_ops", RemoveNoOps},
      {"fold_byte_functions_to_floats", FoldByteFunctionsToFloats},
  };
}

std::vector<Pass> QLinearPasses() {
  std::vector<Pass> passes = IntegerPasses();
  std::erase_if(passes, [](const Pass& pass) {
    return pass.run == &FoldByteFunctions ||
           pass.run == &FoldByteFunctionsToFloats;
  });
  return passes;
}

}  // namespace octet::passes
