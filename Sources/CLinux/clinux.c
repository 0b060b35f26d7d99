// SwiftPM needs at least one source file; everything is in the header.
#include "clinux.h"
