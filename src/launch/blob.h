/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob.h - the agent's ELF image, as it lies inside the waylay binary.
 *
 * A static-PIE file: stripped, page aligned in
 * read-only memory, relocations all R_X86_64_RELATIVE.
 */
#ifndef WY_LAUNCH_BLOB_H
#define WY_LAUNCH_BLOB_H

extern const unsigned char wy_agent_blob[];
extern const unsigned long wy_agent_blob_size;

#endif
