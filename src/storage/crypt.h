/* The AES encryption of qcow and old qcow2 images: AES-128-CBC, one IV a sector. */
#ifndef STORAGE_CRYPT_H
#define STORAGE_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aes_key;

/* The key is the first 16 bytes of the password, padded with zeroes. */
struct aes_key *aes_key_new(const char *password);
void aes_key_free(struct aes_key *key);
/* In place; `sector` numbers the first 512 bytes, and is the IV. `len` is whole sectors. */
void aes_encrypt_sectors(const struct aes_key *key, uint64_t sector, uint8_t *buf, size_t len);
void aes_decrypt_sectors(const struct aes_key *key, uint64_t sector, uint8_t *buf, size_t len);

struct image;
struct error;
/* The options "encrypt.key-secret" and "encrypt.format", for the configure of drivers. */
bool crypt_configure(struct image *img, const char *key, const char *value, struct error **err);

#endif
