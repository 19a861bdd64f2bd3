#pragma once
#ifdef __cplusplus
extern "C" {
#endif
int csp_version(void);
#ifdef __cplusplus
}
#endif
