// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ENGINE_H_
#define OCTET_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/base/dtype.h"
#include "engine/base/input_range.h"
#include "engine/base/sample_source.h"
#include "engine/base/shape.h"
#include "engine/base/tensor.h"

// The facade of the engine: load an ONNX model, say what it is, run it.
//
//   ModelOptions options;
//   OCTET_ASSIGN_OR_RETURN(auto model, Model::FromFile("m.onnx", options));
//   OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(model));
//   const void* inputs[] = {pixels};
//   void* outputs[] = {logits};
//   RowBlock block{/*rows=*/1, inputs, outputs};
//   OCTET_RETURN_IF_ERROR(executor->Run({&block, 1}, nullptr));
namespace octet {

// One input or output of a model.
struct TensorSpec {
  std::string name;
  DType dtype;
  // The shape of one row: for a model that batches, the dimensions behind the
  // leading batch axis; for one that does not, the whole tensor's shape. -1
  // stands for any extent, in models with dynamic shapes only.
  Shape row_shape;

  int64_t row_elements() const { return ElementCount(row_shape); }
  size_t row_bytes() const { return row_elements() * SizeOf(dtype); }
};

// Which sources of steps a plan may use.
enum class BackendChoice {
  kDefault,    // oneDNN and our own kernels, reference loops as last resort
  kReference,  // plain loops only: the oracle
};

// How the elements of a caller's image lie: which of the three axes of a row
// are the channels.
enum class InputLayout {
  kAsModel,        // as the model has them
  kChannelsFirst,  // [C, H, W]
  kChannelsLast,   // [H, W, C]
};

// A form in which callers send an input that the model takes as float32. The
// executor folds the conversion into the gathering of rows:
//   the model's value = (x - mean) * scale
// in float32, both operations rounded, channels and layout then put into the
// model's order. The answers are the bytes that a caller gets who does the same
// and sends float32 to the model without the form.
//
// The model's channels are the first axis of a row, or the last of three where
// that one is 1 to 4 long and the first is longer. (A model that does not
// batch: axes are counted behind the leading one.)
struct InputForm {
  std::string input;              // its name in the model
  DType dtype = DType::kFloat32;  // or kUInt8, kFloat16, kBFloat16
  InputLayout layout = InputLayout::kAsModel;
  bool reverse_channels = false;  // BGR to a model of RGB
  // Nothing, one for all, or one for each channel of the model, in its order;
  // finite, scales not 0.
  std::vector<float> mean;
  std::vector<float> scale;
};

struct ModelOptions {
  BackendChoice backend = BackendChoice::kDefault;
  // Threads that one run of the model uses; 1 to 256.
  int threads = 1;
  // The most rows computed at once; larger runs are cut. 1 to 1024. Memory and
  // load time grow with it. Ignored by models that do not batch.
  int max_batch = 8;
  // A model with dynamic shapes refuses runs that need a larger arena, for the
  // shapes are the callers'.
  int64_t max_dynamic_arena_bytes = int64_t{1} << 30;
  // Whether the model rounds where its file says and nowhere else: between its
  // QuantizeLinear and DequantizeLinear it computes in float32, as the file has
  // it. Otherwise they become integer operators, which round a bias to the
  // accumulator's scale. With the backend "reference", convolutions then sum in
  // the order of ONNX Runtime's kernels, for its answer where a sum lies
  // halfway between two integers. Slower; for comparisons with other runtimes.
  bool exact_qdq = false;
  // Whether layers of a quantized model that are slower in int8 than in float
  // on this machine are computed in float, from the reals that the integers
  // stand for, where that makes the whole network faster. Loading then times
  // one row of both, in a second or so, longer where something loses. What is
  // kept float may differ from load to load, and answers with it. No effect on
  // float models, on those with dynamic shapes and with exact_qdq.
  bool keep_faster_float = false;
  // Inputs that callers send in another form than the model's; at most one
  // form an input. Model::inputs() then tells the callers' form.
  std::vector<InputForm> input_forms;
};

// Neighbouring layers that are slower in int8, and whether they stay float.
struct SlowerLayers {
  std::vector<std::string> nodes;
  double float_ms = 0;  // of these layers alone
  double int8_ms = 0;
  double network_int8_ms = 0;   // of the whole network before
  double network_float_ms = 0;  // with these layers float, conversions included
  // Where the network gains clearly, and no more than these layers take.
  bool kept_float = false;
};

// A stage of a model's life that can be printed; see engine/README.md.
enum class DumpStage { kImported, kOptimized, kLowered, kPlan };

// What `octet-model inspect` says of one step of the plan.
struct StepDescription {
  std::string name;    // the ONNX node the step came from
  std::string op;      // "Conv", "MatMul", ...
  std::string kernel;  // "onednn:jit:avx2", "simd:winograd:avx2", ...
  std::string types;   // "uint8 -> uint8", "float32 x int8 -> float32"
  int64_t macs = 0;    // multiply-accumulates for one row
};

// A loaded model: graph, prepacked weights, and plans per batch size.
//
// Immutable and thread-safe; shared by the executors of all lanes.
class Model {
 public:
  // INVALID_ARGUMENT  broken or inconsistent model or options; an input form
  //                   that does not fit: names the input and what is wrong.
  // UNIMPLEMENTED     an operator, attribute or type octet does not run: names
  //                   node, operator, opset and attribute.
  // DATA_LOSS         the bytes are no ONNX protobuf, or weights are missing.
  // RESOURCE_EXHAUSTED  a small file asks for much: constants that expand, more
  //                   operations a row than any network takes, a plan of more
  //                   than 4 GiB.
  // NOT_FOUND         (FromFile) no such file.
  // FAILED_PRECONDITION  (FromBytes) its weights lie in other files (external
  //                   data), which FromFile() reads: those of the file's folder
  //                   and no others.
  static absl::StatusOr<std::shared_ptr<const Model>> FromFile(
      const std::string& path, const ModelOptions& options);
  static absl::StatusOr<std::shared_ptr<const Model>> FromBytes(
      absl::string_view bytes, const ModelOptions& options);

  virtual ~Model() = default;

  // In the order of the ONNX graph, as callers send and get them.
  virtual const std::vector<TensorSpec>& inputs() const = 0;
  virtual const std::vector<TensorSpec>& outputs() const = 0;

  // Whether rows are proved independent, so that any number of them may be
  // computed together; if not, why_not_batched() names the operator.
  virtual bool batches() const = 0;
  virtual const std::string& why_not_batched() const = 0;

  // Whether shapes become known only when the model runs: the file leaves
  // dimensions open beside the batch, or computes shapes from data;
  // why_dynamic() names what. Such a model does not batch, its executors take
  // whole tensors (RunTensors()), and what is said below of plans is of the
  // newest run: plans are made as shapes come, and kept under a bound.
  virtual bool has_dynamic_shapes() const = 0;
  virtual const std::string& why_dynamic() const = 0;

  virtual const ModelOptions& options() const = 0;

  // Batch sizes that have a plan, ascending; {1} for one that does not batch.
  virtual const std::vector<int>& buckets() const = 0;

  // Bytes of the weights as packed for the kernels, and of the largest arena
  // that an executor allocates.
  virtual int64_t weight_bytes() const = 0;
  virtual int64_t arena_bytes() const = 0;

  virtual std::vector<StepDescription> Steps() const = 0;
  virtual std::string Dump(DumpStage stage) const = 0;

  // Whether any step computes in integers.
  virtual bool quantized() const = 0;

  // With ModelOptions::keep_faster_float: in the order in which they were
  // tried. Empty where nothing is slower in int8.
  virtual const std::vector<SlowerLayers>& slower_layers() const = 0;

  // Rows of the inputs as callers send them, one tensor an input in the order
  // of inputs() and of shape [rows, row shape...], in the model's own form, as
  // the model without ModelOptions::input_forms takes them. INVALID_ARGUMENT
  // where they are others. Here: of a model that has no input forms.
  virtual absl::StatusOr<std::vector<NamedTensor>> WithoutInputForms(
      std::vector<NamedTensor> tensors) const {
    return tensors;
  }
};

// The bytes of the model file at `path` with what lies in other files (external
// data) put in, for whoever hands the model on. Errors as Model::FromFile(),
// and RESOURCE_EXHAUSTED for more than 2 GB, which no ONNX file can hold.
absl::StatusOr<std::string> ReadSelfContainedModel(const std::string& path);

// Rows of one caller. `inputs[i]` points at rows x inputs()[i].row_bytes(),
// `outputs[i]` at rows x outputs()[i].row_bytes(), both row-major; no
// alignment is asked for, and they must stay valid during Run().
struct RowBlock {
  int64_t rows = 0;
  absl::Span<const void* const> inputs;
  absl::Span<void* const> outputs;
};

// Where the time of a run went.
struct RunTimes {
  absl::Duration gather;   // callers' rows -> plan inputs, quantized on the way
  absl::Duration compute;  // the plan's steps
  absl::Duration scatter;  // plan outputs -> callers' memory
};

// Runs a model on its own arena and threads: what one lane owns per model.
//
// Thread-compatible: one Run() at a time. All memory of tensors is allocated by
// Create().
class Executor {
 public:
  // Allocates the arena and binds every plan. Holds a reference on `model`.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(
      std::shared_ptr<const Model> model);

  virtual ~Executor() = default;

  // Computes all rows of all blocks, in order, in as few plan runs as possible.
  // In a quantized model the answer of a row is the same bytes whatever its
  // neighbours and the number of threads; in a float one, up to rounding.
  // A model that does not batch takes one block of one row at a time.
  // `times`, where not null, is set to the sum over the plan runs.
  // INVALID_ARGUMENT when a block's spans do not match the signature.
  // FAILED_PRECONDITION for a model with dynamic shapes.
  virtual absl::Status Run(absl::Span<const RowBlock> blocks,
                           RunTimes* times) = 0;

  // The same for whole tensors, one an input and one an output in the model's
  // order, a batching model's with its leading axis. Allocates the results;
  // for shapes that are new to a model with dynamic shapes, plans too.
  // INVALID_ARGUMENT  tensors that do not fit the signature, or, with dynamic
  //                   shapes, each other.
  // UNIMPLEMENTED     (dynamic shapes) an operator that octet does not run on
  //                   these shapes.
  // RESOURCE_EXHAUSTED  (dynamic shapes) they ask for more memory than
  //                   ModelOptions allow.
  virtual absl::StatusOr<std::vector<Tensor>> RunTensors(
      absl::Span<const Tensor> inputs, RunTimes* times) = 0;
};

// ---------------------------------------------------------------------------
// Quantization

enum class QuantizationMethod {
  kLinear,     // the whole range that the samples show
  kHistogram,  // thresholds from histograms, chosen for each tensor
};
enum class ActivationScheme {
  kAsymmetric,  // u8 with the zero point that the data wants
  kSymmetric,  // s8, zero point 0 (u8, zero point 0, where nothing is negative)
};

// How the biases take up what rounding does to the mean of each channel.
enum class BiasCorrection {
  kOff,
  // By what calibration samples show: the mean of each layer's result less that
  // of the rounded layer's. Costs one more run of the samples.
  kEmpirical,
  // By a formula: the rounding errors of a layer's weights times the means of
  // its inputs, which calibration knows. Costs no further run; the rounding of
  // the data and padding at borders are neglected.
  kAnalytic,
};

// How the file says what is computed in integers.
enum class QuantizedFormat {
  // QuantizeLinear and DequantizeLinear around float operators, exactly where
  // octet rounds.
  kQdq,
  // QLinearConv, QGemm and the like, for runtimes that read these only; a
  // residual add then is an operator of its own, with one rounding more. What
  // has no such operator stays float between the pairs.
  kQOperator,
};

// An input that synthetic samples were made for.
struct SyntheticInput {
  std::string name;
  float min = 0;  // the samples' range, over all channels
  float max = 0;
  bool declared = false;  // by the caller; else assumed
  bool picture = false;   // shapes that cover each other; else plain noise
};

// What quantizing may take.
struct QuantizationBudget {
  // How long Quantize() may try remedies of kHistogram: one that is not likely
  // to end in time is left out. What is kept is then made and measured, so that
  // the whole takes longer. With a limit the result may differ from run to run.
  absl::Duration time = absl::InfiniteDuration();
  // Bytes, by an estimate made before; none: any number.
  std::optional<int64_t> memory_bytes;
};

struct QuantizationOptions {
  QuantizationMethod method = QuantizationMethod::kLinear;
  QuantizedFormat format = QuantizedFormat::kQdq;
  ActivationScheme activations = ActivationScheme::kAsymmetric;
  // With kHistogram, it is kept unless calibration samples lose by it.
  BiasCorrection bias_correction = BiasCorrection::kEmpirical;
  // Whether layers that are slower in int8 on this machine stay float, where
  // that makes the whole network faster. Which these are is measured, so that
  // the result may differ from run to run; without it, it never does.
  bool keep_faster_float = false;
  QuantizationBudget budget;
  int threads = 1;
  // Where the calibration samples are MakeSyntheticSamples()'s: what it said of
  // them. Then batch norms of the file, which know what real data does, have a
  // say too, and the file tells that no data made it.
  std::vector<SyntheticInput> synthetic;
};

// How far a quantization is.
struct QuantizationProgress {
  // "import", "match batch norms", "calibrate", "correct biases", "quantize",
  // "check"
  std::string phase;
  int64_t done = 0;
  int64_t total = 0;  // of `done`'s unit: samples or tensors
};

// How often the values of one tensor fell where: counts[i] is for
// [min + i * width, min + (i + 1) * width), width = (max - min) /
// counts.size().
struct ValueHistogram {
  float min = 0;  // real units
  float max = 0;
  std::vector<int64_t> counts;  // empty where none was kept
};

// One quantized tensor of the result.
struct QuantizedTensor {
  std::string name;
  DType dtype;
  std::vector<float> scales;         // one, or one per channel
  std::vector<int32_t> zero_points;  // as many as scales
  float min = 0;                     // observed range, real units
  float max = 0;
  // How the range that the integers span was chosen: "min-max", "lattice" (of
  // an input that takes few values), "bytes" (those that a normalized picture
  // was made from, channel by channel), "entropy", "percentile 99.99", "mse".
  std::string threshold;
  double clipped_share = 0;  // of the observed values: beyond that range
  ValueHistogram histogram;  // of the calibration samples
};

// What one remedy did: SQNR of the outputs on the calibration samples that its
// trial was not made from (on all, where they are fewer than 16), with
// everything before it, and with it too.
struct RemedyEffect {
  std::string name;  // "histogram thresholds", "bias correction", ...
  double before_db = 0;
  double after_db = 0;
  // The standard error of their difference: what chance makes of so few
  // samples.
  double gain_error_db = 0;
  bool kept = true;  // whether the result has it
  std::string note;  // what it touched, or why it was not kept
};

// A tensor between layers whose channels the quantizer moved or gave other
// units: the int8 model has (value - offsets[c]) / divisors[c] of the float
// model's values, offsets and divisors being as many as there are channels.
struct ChangedChannels {
  std::string tensor;  // the float model's name
  int axis = 1;        // that the channels run along
  std::vector<float> offsets;
  std::vector<float> divisors;
};

struct QuantizationResult {
  std::string model;  // ONNX bytes
  std::vector<QuantizedTensor> tensors;
  std::vector<ChangedChannels> changed_channels;
  int64_t float_bytes = 0;      // size of the model that came in
  int64_t quantized_bytes = 0;  // size of `model`
  int64_t integer_steps = 0;    // operators that compute in integers
  int64_t float_steps = 0;      // operators that stay float
  int64_t samples = 0;          // calibration samples seen, synthetic or not
  int64_t batch_norms = 0;  // whose statistics stood in for those of real data
  std::vector<RemedyEffect> remedies;  // in the order they were applied
  // Remedies that the time budget left no room for.
  std::vector<std::string> left_out;
  // With keep_faster_float: in the order in which they were tried.
  std::vector<SlowerLayers> slower_layers;
  // Of the quantized model's outputs against float, on the calibration
  // samples: 10*log10(sum(float^2)/sum((float-int8)^2)).
  double sqnr_db = 0;
};

// Told of progress; a status other than OK cancels the quantization, which
// then returns it. Called on the calling thread.
class QuantizationObserver {
 public:
  virtual ~QuantizationObserver() = default;
  virtual absl::Status OnProgress(const QuantizationProgress& progress) = 0;
};

// Quantizes the float ONNX model `bytes`.
//
// `calibration` has one tensor per model input, of the input's dtype and
// shape [samples, row_shape...] (a model that does not batch: one more leading
// axis, the samples). It is read again and again, a sample at a time; memory
// does not grow with the number of samples, but for what the source keeps
// itself. `observer` may be null.
// Deterministic, unless it measures: the same input gives the same bytes.
// INVALID_ARGUMENT  the calibration tensors do not match the model's inputs, or
//                   hold NaN or infinity, or the model is already quantized, or
//                   kHistogram on synthetic samples, which judge no remedies.
// RESOURCE_EXHAUSTED  it takes more than the memory budget.
// Otherwise as Model::FromBytes() and SampleSource::Read().
absl::StatusOr<QuantizationResult> QuantizeFrom(
    absl::string_view bytes, const SampleSource& calibration,
    const QuantizationOptions& options, QuantizationObserver* observer);

// QuantizeFrom() samples in memory.
absl::StatusOr<QuantizationResult> Quantize(
    absl::string_view bytes, absl::Span<const NamedTensor> calibration,
    const QuantizationOptions& options, QuantizationObserver* observer);

struct SyntheticSamples {
  std::vector<NamedTensor> tensors;    // as Quantize() takes them
  std::vector<SyntheticInput> inputs;  // for QuantizationOptions::synthetic
};

// Samples for the float ONNX model `bytes` of which nobody has any: made-up
// pictures for inputs of that shape, noise for others, the same every time.
// Inputs that `ranges` does not name are assumed to span [-1, 1], bytes all
// that they can, other integers 0 and 1.
//
// A model that was calibrated so is worse than one that saw data, and by how
// much only data tells: engine/quant/README.md has figures.
// INVALID_ARGUMENT  a range of no input, or one that does not fit its input.
// UNIMPLEMENTED     inputs of half types, shapes that are not known.
// Otherwise as Model::FromBytes().
absl::StatusOr<SyntheticSamples> MakeSyntheticSamples(
    absl::string_view bytes, absl::Span<const InputRange> ranges);

// ---------------------------------------------------------------------------
// Files and facts

// Reads a serialized ONNX TensorProto (conformance tests keep theirs in .pb
// files). DATA_LOSS when the bytes are none.
absl::StatusOr<NamedTensor> ParseTensorProto(absl::string_view bytes);

// The instruction sets of this machine, and what octet makes of them.
struct MachineDescription {
  std::string cpu;                    // "AMD EPYC ..."
  std::string isa;                    // "avx2", "avx512_vnni", ...
  bool exact_int8_in_onednn = false;  // VNNI or AMX: no 16-bit saturation
  std::string untested_isa;  // "" or the ISA in use that our tests never saw
};
MachineDescription DescribeMachine();

// How long each step of Model::Steps() takes, in milliseconds, in a plan for
// `rows` rows on as many threads as the model has: the least of the runs of the
// whole plan that fit `budget` (at least five), on numbers in [-1, 1).
// INVALID_ARGUMENT     no plan for `rows` rows.
// FAILED_PRECONDITION  the model has dynamic shapes.
absl::StatusOr<std::vector<double>> TimeSteps(const Model& model, int rows,
                                              absl::Duration budget);

// Multiply-accumulates per second of one core, in thousand millions, as loops
// on registers alone reach them; measured once, in a few milliseconds. 0 where
// octet has no vector kernels.
struct MachinePeak {
  double int8_gmacs = 0;
  double float_gmacs = 0;
};
MachinePeak MeasurePeak();

// octet's version, "0.1.0".
absl::string_view Version();

}  // namespace octet

#endif  // OCTET_ENGINE_ENGINE_H_
