/* SPDX-License-Identifier: MIT */
#ifndef ENVVARS_H
#define ENVVARS_H

#include <napi.h>

/* envVarsVersion(), envVarsAre() */
void InitEnvVars(Napi::Env env, Napi::Object exports);

#endif
