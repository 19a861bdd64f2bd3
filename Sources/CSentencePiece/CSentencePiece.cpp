#include "CSentencePiece.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct csp_model {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {

char *copied(const void *bytes, size_t count) {
  char *copy = static_cast<char *>(std::malloc(count + 1));
  if (copy != nullptr) {
    if (count > 0) std::memcpy(copy, bytes, count);
    copy[count] = 0;
  }
  return copy;
}

void report(char **error, const char *message) { *error = copied(message, std::strlen(message)); }

// Runs a body that returns a status; whatever it throws becomes a message too.
template <typename Body>
bool succeeds(char **error, Body body) {
  try {
    const sentencepiece::util::Status status = body();
    if (status.ok()) return true;
    report(error, status.error_message());
  } catch (const std::exception &exception) {
    report(error, exception.what());
  } catch (...) {
    report(error, "unknown exception");
  }
  return false;
}

// Hands the trainer sentences from one block of memory, one copy at a time.
class Sentences : public sentencepiece::SentenceIterator {
 public:
  Sentences(const char *text, const int64_t *offsets, size_t count) : text_(text), offsets_(offsets), count_(count) {
    load();
  }
  bool done() const override { return next_ >= count_; }
  void Next() override {
    ++next_;
    load();
  }
  const std::string &value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  void load() {
    if (next_ < count_) value_.assign(text_ + offsets_[next_], offsets_[next_ + 1] - offsets_[next_]);
  }
  const char *text_;
  const int64_t *offsets_;
  size_t count_;
  size_t next_ = 0;
  std::string value_;
};

}  // namespace

csp_model *csp_load(const void *bytes, size_t count, char **error) {
  csp_model *model = nullptr;
  const bool loaded = succeeds(error, [&] {
    model = new csp_model;
    return model->processor.LoadFromSerializedProto(std::string_view(static_cast<const char *>(bytes), count));
  });
  if (loaded) return model;
  delete model;
  return nullptr;
}

void csp_unload(csp_model *model) { delete model; }

int32_t csp_vocabulary_size(const csp_model *model) { return model->processor.GetPieceSize(); }

int32_t csp_end_of_sentence(const csp_model *model) { return model->processor.eos_id(); }

int32_t csp_unknown(const csp_model *model) { return model->processor.unk_id(); }

const char *csp_piece(const csp_model *model, int32_t id, size_t *count) {
  const std::string &piece = model->processor.IdToPiece(id);
  *count = piece.size();
  return piece.data();
}

int32_t csp_byte_piece(const csp_model *model, uint8_t byte) {
  static const char digits[] = "0123456789ABCDEF";
  const char piece[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
  const int id = model->processor.PieceToId(std::string_view(piece, sizeof piece));
  return model->processor.IsByte(id) ? id : -1;
}

int64_t csp_encode(const csp_model *model, const char *text, size_t count, int32_t **ids, char **error) {
  std::vector<int> encoded;
  if (!succeeds(error, [&] { return model->processor.Encode(std::string_view(text, count), &encoded); })) return -1;
  *ids = reinterpret_cast<int32_t *>(copied(encoded.data(), encoded.size() * sizeof(int32_t)));
  if (*ids != nullptr) return static_cast<int64_t>(encoded.size());
  report(error, "out of memory");
  return -1;
}

int64_t csp_decode(const csp_model *model, const int32_t *ids, size_t count, char **text, char **error) {
  std::string decoded;
  const bool done = succeeds(error, [&] {
    return model->processor.Decode(std::vector<int>(ids, ids + count), &decoded);
  });
  if (!done) return -1;
  *text = copied(decoded.data(), decoded.size());
  if (*text != nullptr) return static_cast<int64_t>(decoded.size());
  report(error, "out of memory");
  return -1;
}

int64_t csp_train(const char *text, const int64_t *offsets, size_t sentences, const char *const *options,
                  size_t option_count, char **model, char **error) {
  std::string trained;
  const bool done = succeeds(error, [&] {
    std::unordered_map<std::string, std::string> arguments;
    for (size_t i = 0; i + 1 < option_count; i += 2) arguments[options[i]] = options[i + 1];
    Sentences iterator(text, offsets, sentences);
    return sentencepiece::SentencePieceTrainer::Train(arguments, &iterator, &trained);
  });
  if (!done) return -1;
  *model = copied(trained.data(), trained.size());
  if (*model != nullptr) return static_cast<int64_t>(trained.size());
  report(error, "out of memory");
  return -1;
}

void csp_free(void *memory) { std::free(memory); }
