// A header beside the snippets.
#define BESIDE "beside"
