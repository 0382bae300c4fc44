#include "machines/pc.h"
struct error *pc_load_multiboot(struct pc *pc, const GByteArray *image, bool *found)
{
	*found = false;
	return NULL;
}
struct error *pc_add_smbios(struct pc *pc)
{
	return NULL;
}
