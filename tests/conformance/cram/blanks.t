  $ printf '\n \n  \n'
  
   
    
