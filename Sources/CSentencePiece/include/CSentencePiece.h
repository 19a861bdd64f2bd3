// A C door to Debian's libsentencepiece and libsentencepiece_train, which are C++ and which Swift cannot call.
//
// Functions that can fail return NULL or a negative number and write a message that the caller frees with csp_free.
// No C++ exception crosses this header.
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

// A loaded model; safe to use from several threads at once.
typedef struct csp_model csp_model;

// Loads a model from the bytes of a .model file.
csp_model *_Nullable csp_load(const void *_Nullable bytes, size_t count, char *_Nullable *_Nonnull error);
void csp_unload(csp_model *_Nonnull model);

int32_t csp_vocabulary_size(const csp_model *_Nonnull model);
int32_t csp_end_of_sentence(const csp_model *_Nonnull model);  // -1 if the model has none

int32_t csp_unknown(const csp_model *_Nonnull model);  // the piece of characters that the model does not know, or -1

// The bytes of a piece, which live as long as the model.
const char *_Nonnull csp_piece(const csp_model *_Nonnull model, int32_t id, size_t *_Nonnull count);

// The id of the piece for a single byte, or -1 if the model has no byte fallback.
int32_t csp_byte_piece(const csp_model *_Nonnull model, uint8_t byte);

// Encodes UTF-8 text. The ids are allocated and belong to the caller (csp_free); returns their number, or -1.
int64_t csp_encode(const csp_model *_Nonnull model, const char *_Nonnull text, size_t count,
                   int32_t *_Nullable *_Nonnull ids, char *_Nullable *_Nonnull error);

// Decodes ids. The text is allocated and belongs to the caller (csp_free); returns its bytes, or -1.
int64_t csp_decode(const csp_model *_Nonnull model, const int32_t *_Nonnull ids, size_t count,
                   char *_Nullable *_Nonnull text, char *_Nullable *_Nonnull error);

// Trains a model. Sentence i is bytes [offsets[i], offsets[i + 1]) of the text. Options are name and value in turn,
// as of spm_train. The model's bytes are allocated and belong to the caller (csp_free); returns their number, or -1.
int64_t csp_train(const char *_Nonnull text, const int64_t *_Nonnull offsets, size_t sentences,
                  const char *_Nonnull const *_Nonnull options, size_t option_count,
                  char *_Nullable *_Nonnull model, char *_Nullable *_Nonnull error);

void csp_free(void *_Nullable memory);

#ifdef __cplusplus
}
#endif
