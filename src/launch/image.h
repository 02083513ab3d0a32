/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the agent's ELF file, parsed once, ready to be placed anywhere.
 *
 * Accepted is a static-PIE with its segments in order, the writable ones last,
 * and no relocations but R_X86_64_RELATIVE, in the writable ones only: the text
 * goes into a program as it stands in the file, where its offsets are its addresses,
 * so that it can be mapped in one piece.  The entry begins a page.  Nothing outside the given bytes
 * is read, whatever the file says.
 */
#ifndef WY_LAUNCH_IMAGE_H
#define WY_LAUNCH_IMAGE_H

#include <elf.h>
#include <stddef.h>

struct wy_image {
	const unsigned char *file;
	size_t file_len;
	const Elf64_Phdr *phdr;
	unsigned int phdr_nr;
	const Elf64_Rela *rela;
	size_t rela_nr;
	size_t text_len; /* from 0: what is not writable, whole pages */
	size_t data_len; /* from text_len: what the writable part begins with; zeros follow */
	size_t len;      /* of the whole, whole pages */
	size_t entry;
};

/*
 * Parses the file; it must stay where it is as long as the image is used, at
 * an address aligned to 8.  Returns 0 or -ENOEXEC.
 */
int wy_image_parse(struct wy_image *ret, const void *file, size_t len);

/* Returns where in the executable part of the image these bytes are, or 0 if they are not. */
size_t wy_image_find_code(const struct wy_image *image, const void *bytes, size_t len);

/* Returns the i-th piece of what is not writable, and where in the image it belongs; NULL: none. */
const unsigned char *wy_image_text(const struct wy_image *image, unsigned int i, size_t *at,
				   size_t *len);
/*
 * The page of the text that begins with the entry, or less if the text ends before.  With
 * the data it is what has to be in its place for the agent to begin.
 */
const unsigned char *wy_image_entry_page(const struct wy_image *image, size_t *len);

/* Builds the writable part for an image at address base.  buf has room for data_len bytes. */
void wy_image_data(const struct wy_image *image, unsigned long base, unsigned char *buf);

#endif
