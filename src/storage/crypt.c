#include "storage/crypt.h"

#include "storage/image.h"

#include "base/bytes.h"

#include <glib.h>
#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <string.h>

struct aes_key {
	struct aes128_ctx encrypt, decrypt;
};

struct aes_key *aes_key_new(const char *password)
{
	struct aes_key *k = g_new0(struct aes_key, 1);
	uint8_t key[16] = {0};

	memcpy(key, password, MIN(strlen(password), sizeof(key)));
	aes128_set_encrypt_key(&k->encrypt, key);
	aes128_set_decrypt_key(&k->decrypt, key);
	return k;
}

void aes_key_free(struct aes_key *key)
{
	g_free(key);
}

static void make_iv(uint8_t iv[16], uint64_t sector)
{
	memset(iv, 0, 16);
	store_le64(iv, sector);
}

void aes_encrypt_sectors(const struct aes_key *key, uint64_t sector, uint8_t *buf, size_t len)
{
	uint8_t iv[16];

	for (; len >= 512; buf += 512, len -= 512) {
		make_iv(iv, sector++);
		cbc_encrypt(&key->encrypt, (nettle_cipher_func *)aes128_encrypt, 16, iv, 512, buf,
			    buf);
	}
}

void aes_decrypt_sectors(const struct aes_key *key, uint64_t sector, uint8_t *buf, size_t len)
{
	uint8_t iv[16];

	for (; len >= 512; buf += 512, len -= 512) {
		make_iv(iv, sector++);
		cbc_decrypt(&key->decrypt, (nettle_cipher_func *)aes128_decrypt, 16, iv, 512, buf,
			    buf);
	}
}

bool crypt_configure(struct image *img, const char *key, const char *value, struct error **err)
{
	if (!strcmp(key, "encrypt.key-secret")) {
		g_free(img->key_secret);
		img->key_secret = g_strdup(value);
		return true;
	}
	if (strcmp(key, "encrypt.format"))
		return false;
	if (strcmp(value, "aes"))
		*err = error_new("encrypt.format=%s: the image has \"aes\"", value);
	return true;
}
