/* x */
#include "tests/unit/services/configdb/fixture.h"
int main(void){return 0;}
