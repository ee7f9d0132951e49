#pragma once

#include "cursor.h"
#include "types.h"

// Whether a packet brings parameter sets or begins a key frame, by its payload format. False for audio: each of its packets would.
bool is_entry_point(Codec codec, Cursor payload);
