/* SPDX-License-Identifier: MIT */
#ifndef FDS_H
#define FDS_H

#include <napi.h>

/* pipe(), dupAbove(), fdFlags(), devNull(), close(): -errno where they fail. */
void InitFds(Napi::Env env, Napi::Object exports);

#endif
