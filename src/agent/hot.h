/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hot.h - what each copy of a process writes to.
 *
 * The first write to a page costs a copied process a fault and 4 KB.  So what
 * every one of them writes to stands together, in one page most likely.
 */
#ifndef WY_AGENT_HOT_H
#define WY_AGENT_HOT_H

#define WY_HOT __attribute__((section("wy_hot")))

#endif
