/* SPDX-License-Identifier: Apache-2.0 */
/* unit.h - cmocka.h, and before it what it wants to be included before it. */
#ifndef WY_TESTS_UNIT_H
#define WY_TESTS_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
