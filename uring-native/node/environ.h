/* SPDX-License-Identifier: MIT */
#ifndef ENVIRON_H
#define ENVIRON_H

#include <napi.h>

/* environVersion(), environIs() */
void InitEnviron(Napi::Env env, Napi::Object exports);

#endif
