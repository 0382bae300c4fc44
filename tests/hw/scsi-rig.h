/* A rig with an LSI53C895A, a disk at id 0 and a CD-ROM drive at id 3. */
#ifndef TESTS_HW_SCSI_RIG_H
#define TESTS_HW_SCSI_RIG_H

#include "rig.h"

#define SCSI_RIG_BLOCKS 4096u /* of the disk; block n is filled with n */
#define SCSI_RIG_TRACKS 64u   /* blocks of 2048 bytes of the disc */

void scsi_rig_init(struct rig *r);
void scsi_rig_close(void);

#endif
