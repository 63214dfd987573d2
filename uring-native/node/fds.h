/* SPDX-License-Identifier: MIT */
#ifndef FDS_H
#define FDS_H

#include <napi.h>

/* pipe(), dupAbove(), fdFlags(), devNull(), close(): -errno on failure. */
void InitFds(Napi::Env env, Napi::Object exports);

#endif
